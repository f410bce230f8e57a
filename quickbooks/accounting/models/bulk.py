"""One deed on many invoices: who asked, for which ones, and what became of each."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import Q

from companies.models import Company, User
from inbuild.queue import WorkRow
from invoices.models import Invoice


class BulkRun(models.Model):
    """What a person asked for once, on the page that showed how many can and how many cannot."""

    class Deed(models.TextChoices):
        RESYNC = "resync", "Resync"
        SKIP = "skip", "Skip"
        HOLD = "hold", "Hold"
        RELEASE = "release", "Release"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    token = models.UUIDField(help_text="Of the page it was asked on: a second press finds the first one's run.")
    deed = models.CharField(max_length=10, choices=Deed.choices)
    filter = models.CharField(max_length=2000, blank=True, help_text="The list's address they were chosen in.")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    total = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "id"], name="bulk_run_of_company"),
            models.UniqueConstraint(fields=["company", "token"], name="bulk_run_once"),
            models.CheckConstraint(condition=Q(deed__in=["resync", "skip", "hold", "release"]), name="bulk_deed"),
        ]
        indexes = [
            models.Index(fields=["company"], condition=Q(ended_at=None), name="bulk_run_open"),
        ]

    def __str__(self) -> str:
        return f"{self.get_deed_display()} of {self.total:,} invoices"


class BulkItem(WorkRow):
    """One invoice of a run, each once."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        REFUSED = "refused", "Not possible"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="items")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.WAITING)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "invoice"], name="bulk_item_once"),
            models.CheckConstraint(condition=Q(outcome__in=["waiting", "done", "refused"]), name="bulk_outcome"),
            models.CheckConstraint(
                condition=Q(outcome="waiting") | Q(next_at__isnull=True), name="bulk_item_rests_when_ended"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="bulk_item_due"),
            models.Index(fields=["run", "outcome"], name="bulk_item_by_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.run}: {self.invoice}"

    @classmethod
    def at_hand(cls) -> models.QuerySet[Any]:
        return super().at_hand().select_related("run__by", "invoice", "company")
