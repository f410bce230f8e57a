"""The names under which this folder's tasks are rung."""

POST_DUE = "accounting.post_due"
FOLLOW_DUE = "accounting.follow_due"
ATTACH_DUE = "accounting.attach_due"
BULK_DUE = "accounting.bulk_due"
