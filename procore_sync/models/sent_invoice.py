"""Invoices made in inBuild that go to Procore."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from companies import auditing
from companies.models import Company, User
from inbuild.queue import WorkRow
from invoices.models import Invoice
from procore_sync.models.integration import ProcoreIntegration


class SentInvoice(WorkRow):
    """An invoice made in inBuild on its way into Procore, or there. Written before anything is sent.

    `mark` travels in the record's `origin_data`, so that what Procore shows can be told from what people made there.
    """

    class State(models.TextChoices):
        READY = "ready", "Ready to send"
        SENDING = "sending", "Sending"
        CHECKING = "checking", "Checking Procore"
        SENT = "sent", "In Procore"
        REFUSED = "refused", "Refused by Procore"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(ProcoreIntegration, on_delete=models.PROTECT, related_name="sent_invoices")
    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="sent_invoice")
    project_id = models.BigIntegerField()
    commitment_id = models.BigIntegerField()
    mark = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    payload = models.JSONField(help_text="Exactly what is sent.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.READY)
    problem = models.CharField(max_length=500, blank=True)
    procore_id = models.BigIntegerField(null=True)
    status = models.CharField(max_length=40, blank=True, help_text="As Procore says it.")
    started_at = models.DateTimeField(null=True, help_text="When it was last allowed to leave.")
    sent_at = models.DateTimeField(null=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "procore_id"], name="sent_invoice_once_in_procore"),
            models.CheckConstraint(
                condition=Q(state__in=["ready", "sending", "checking", "sent", "refused"]), name="sent_invoice_state"
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(procore_id__isnull=False), name="sent_invoice_with_its_id"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="sent_invoice_due")
        ]

    def __str__(self) -> str:
        return f"{self.invoice} in Procore"

    def found(self, *, procore_id: int, status: str) -> None:
        """Procore shows it: whatever became of our own call's answer, it is there."""
        changes: dict[str, Any] = {"status": status[:40]}
        if self.state != self.State.SENT:
            changes |= {"state": self.State.SENT, "procore_id": procore_id, "sent_at": Now(), "next_at": None}
            changes |= {"lease_until": None, "problem": "", "attempt": F("attempt") + 1}
            auditing.record(
                self.company_id, "sent_invoice.sent", self.invoice, f"In Procore as {procore_id}", job="import"
            )
        SentInvoice.objects.filter(pk=self.pk).update(**changes)
        self.refresh_from_db()
