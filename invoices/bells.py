"""The names under which this folder's tasks are rung."""

READ_DUE = "invoices.read_due"
