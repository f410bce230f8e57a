"""Invoices made in inBuild that go to Procore."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Least, Now

from companies import auditing
from companies.models import Company, User
from inbuild.queue import WorkRow
from invoices.models import Invoice
from procore_sync.models.integration import ProcoreIntegration
from procore_sync.models.procore_invoice import ProcoreInvoice


class Moved(Exception):
    """The row is no longer in the state this move starts from, or another worker has it now."""


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

    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        State.READY: frozenset({State.SENDING, State.SENT, State.REFUSED}),
        State.SENDING: frozenset({State.READY, State.CHECKING, State.SENT, State.REFUSED}),
        State.CHECKING: frozenset({State.SENDING, State.SENT, State.REFUSED}),
        State.SENT: frozenset({State.SENT, State.REFUSED}),
        State.REFUSED: frozenset({State.READY, State.SENT}),
    }

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

    @property
    def is_under_way(self) -> bool:
        return self.state in (self.State.READY, self.State.SENDING, self.State.CHECKING)

    @property
    def status_words(self) -> str:
        return ProcoreInvoice.STATUS_WORDS.get(self.status, self.status.replace("_", " ").title())

    def move(
        self,
        to: str,
        sentence: str,
        *,
        user: User | None = None,
        job: str = "send",
        problem: str = "",
        next_at: datetime | Any | None = None,
        fence: bool = False,
        **changes: Any,
    ) -> None:
        """Change the state by compare-and-set, with its AuditEvent in the same transaction.

        `fence` shuts out a worker that still holds the row. Raises Moved when the row left this state or was taken by
        another worker meanwhile, and ValueError for a move that is never allowed.
        """
        if to not in self.MOVES[self.state]:
            raise ValueError(f"An invoice sent to Procore cannot go from {self.state} to {to}.")
        fields: dict[str, Any] = {"problem": problem[:500], "next_at": next_at, "lease_until": None, "failures": 0}
        if fence or user is not None:
            fields["attempt"] = F("attempt") + 1
        with transaction.atomic():
            rows = SentInvoice.objects.filter(pk=self.pk, state=self.state, attempt=self.attempt)
            if not rows.update(state=to, **(fields | changes)):
                raise Moved(f"Sent invoice {self.pk} is no longer {self.state}.")
            auditing.record(
                self.company_id,
                f"sent_invoice.{to}",
                self.invoice,
                sentence,
                user=user,
                job=job,
                before={"state": self.state},
                after={"state": str(to)},
            )
        self.refresh_from_db()

    def wait(self, *, until: Any, problem: str) -> None:
        """Stay in this state and go on later; why is shown meanwhile."""
        rows = SentInvoice.objects.filter(pk=self.pk, state=self.state, attempt=self.attempt)
        failures = Least(F("failures") + 1, 1000)
        rows.update(next_at=until, lease_until=None, failures=failures, problem=problem[:500])

    def found(self, *, procore_id: int, status: str) -> None:
        """Procore shows it: whatever became of our own call's answer, it is there."""
        if self.state != self.State.SENT or self.procore_id != procore_id:
            self.move(
                self.State.SENT,
                f"In Procore as {procore_id}",
                job="import",
                fence=True,
                procore_id=procore_id,
                status=status[:40],
                sent_at=Now(),
            )
        elif self.status != status[:40]:
            self.status = status[:40]
            SentInvoice.objects.filter(pk=self.pk).update(status=self.status)
            sentence = f"Status in Procore: {self.status_words}"
            auditing.record(self.company_id, "sent_invoice.status", self.invoice, sentence, job="import")

    def gone(self) -> None:
        """Procore does not show it any more, and it was never approved there: a person decides what follows."""
        if self.state == self.State.SENT:
            words = "It was deleted in Procore. Send it again, or approve or cancel it here."
            self.move(self.State.REFUSED, "Deleted in Procore", job="import", fence=True, problem=words, status="")
