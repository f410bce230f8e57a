"""Turn: whose turn it is to drain one kind of work of one company. Pulse: who was heard of when."""

from __future__ import annotations

from django.db import models


class Turn(models.Model):
    """A leased row per task and company, so that one company never fills the workers."""

    task = models.CharField(max_length=60)
    company_id = models.BigIntegerField()
    holder = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True, help_text="When a worker last came to this work or got on with it.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "company_id"], name="turn_once")]

    def __str__(self) -> str:
        return f"{self.task} of company {self.company_id}"


class Pulse(models.Model):
    """When beat, a worker, or beat's ring inside a worker was last heard of, by the database's clock."""

    name = models.CharField(max_length=120, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
