"""Turn: whose turn it is to drain one kind of work of one company."""

from __future__ import annotations

from django.db import models


class Turn(models.Model):
    """A leased row per task and company, so that one company never fills the workers."""

    task = models.CharField(max_length=60)
    company_id = models.BigIntegerField()
    holder = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "company_id"], name="turn_once")]

    def __str__(self) -> str:
        return f"{self.task} of company {self.company_id}"
