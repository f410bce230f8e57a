"""The names under which this folder's tasks are rung."""

IMPORT_DUE = "procore_sync.import_due"
SWEEP_DUE = "procore_sync.sweep_due"
CHECK_DUE = "procore_sync.check_due"
ATTACH_DUE = "procore_sync.attach_due"
SEND_DUE = "procore_sync.send_due"
TELL_DUE = "procore_sync.tell_due"
COMPLETENESS_DUE = "procore_sync.completeness_due"
