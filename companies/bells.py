"""Names of the tasks that others ring for."""

MAIL_DUE = "companies.mail_due"
LOOK_DUE = "companies.look_due"
