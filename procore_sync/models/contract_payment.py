"""Payments of QuickBooks as Procore shall show them: payments issued on a commitment, linked to an invoice there."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Least, Now

from companies import auditing
from companies.models import Company, User
from inbuild.queue import WorkRow, ring
from invoices.models import Invoice
from procore_sync.bells import TELL_DUE
from procore_sync.models.integration import ProcoreIntegration
from procore_sync.models.sent_invoice import Moved


class ContractPayment(WorkRow):
    """What one payment in QuickBooks pays of one invoice, on its way to Procore. Written before anything is sent.

    `wanted` is what Procore shall show; null: nothing (any more), and `hold` says why if that is for a person.
    `sent` is what was last let go there. Where both differ, ours is taken back there and made anew: Procore locks a
    payment that carries an `origin_id`.
    """

    class State(models.TextChoices):
        READY = "ready", "Ready to send"
        SENDING = "sending", "Sending"
        CHECKING = "checking", "Checking Procore"
        TOLD = "told", "In Procore"
        GONE = "gone", "Taken back"
        REFUSED = "refused", "Not in Procore"

    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        State.READY: frozenset({State.READY, State.SENDING, State.TOLD, State.GONE, State.REFUSED}),
        State.SENDING: frozenset({State.READY, State.CHECKING, State.TOLD, State.REFUSED}),
        State.CHECKING: frozenset({State.READY, State.CHECKING, State.SENDING, State.TOLD, State.GONE, State.REFUSED}),
        State.TOLD: frozenset({State.READY}),
        State.GONE: frozenset({State.READY}),
        State.REFUSED: frozenset({State.READY}),
    }

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(ProcoreIntegration, on_delete=models.PROTECT, related_name="contract_payments")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="contract_payments")
    origin_id = models.CharField(max_length=200, help_text="Our mark, by which it is found in Procore.")
    payment_id = models.CharField(max_length=60, help_text="In QuickBooks.")
    requisition_id = models.BigIntegerField(help_text="The invoice in Procore.")
    project_id = models.BigIntegerField()
    commitment_id = models.BigIntegerField(null=True, help_text="Null until it was read from the invoice in Procore.")
    wanted = models.JSONField(null=True)
    sent = models.JSONField(null=True)
    hold = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.READY)
    problem = models.CharField(max_length=500, blank=True)
    procore_id = models.BigIntegerField(null=True)
    started_at = models.DateTimeField(null=True, help_text="When it was last allowed to leave.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "origin_id"], name="contract_payment_once"),
            models.UniqueConstraint(fields=["integration", "procore_id"], name="contract_payment_once_in_procore"),
            models.CheckConstraint(
                condition=Q(state__in=["ready", "sending", "checking", "told", "gone", "refused"]),
                name="contract_payment_state",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sending", "checking"]) | Q(sent__isnull=False, started_at__isnull=False),
                name="contract_payment_written_before_it_leaves",
            ),
            models.CheckConstraint(
                condition=~Q(state="told") | Q(procore_id__isnull=False), name="contract_payment_with_its_id"
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(problem=""), name="contract_payment_refused_with_a_reason"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="contract_payment_due")
        ]

    def __str__(self) -> str:
        return f"Payment {self.payment_id} of {self.invoice}"

    @property
    def is_under_way(self) -> bool:
        return self.state in (self.State.READY, self.State.SENDING, self.State.CHECKING)

    @property
    def shown(self) -> dict[str, Any]:
        """Amount, date and number: as Procore shall show them, else as it was told last."""
        return self.wanted or self.sent or {}

    @property
    def amount(self) -> Decimal | None:
        amount = self.shown.get("amount")
        return Decimal(amount) if amount else None

    def move(
        self,
        to: str,
        sentence: str,
        *,
        user: User | None = None,
        job: str = "payments",
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
            raise ValueError(f"A payment told to Procore cannot go from {self.state} to {to}.")
        fields: dict[str, Any] = {"problem": problem[:500], "next_at": next_at, "lease_until": None, "failures": 0}
        if fence or user is not None:
            fields["attempt"] = F("attempt") + 1
        with transaction.atomic():
            rows = ContractPayment.objects.filter(pk=self.pk, state=self.state, attempt=self.attempt)
            if not rows.update(state=to, **(fields | changes)):
                raise Moved(f"Payment {self.pk} is no longer {self.state}.")
            auditing.record(
                self.company_id,
                f"contract_payment.{to}",
                self.invoice,
                sentence,
                user=user,
                job="" if user else job,
                before={"state": self.state},
                after={"state": str(to), "payment": self.payment_id},
            )
        self.refresh_from_db()

    def wait(self, *, until: Any, problem: str) -> None:
        """Stay in this state and go on later; why is shown meanwhile."""
        rows = ContractPayment.objects.filter(pk=self.pk, state=self.state, attempt=self.attempt)
        failures = Least(F("failures") + 1, 1000)
        rows.update(next_at=until, lease_until=None, failures=failures, problem=problem[:500])

    def want(self, wanted: dict[str, Any] | None, hold: str) -> None:
        """QuickBooks shows something else now. Called under the row's lock.

        One that is out is not touched: whoever settles it sees that something else is wanted.
        """
        if self.state in (self.State.SENDING, self.State.CHECKING):
            ContractPayment.objects.filter(pk=self.pk).update(wanted=wanted, hold=hold)
            return
        if wanted:
            words = f"Payment of {wanted['amount']} to be told to Procore"
        else:
            words = hold or "The payment is not on the bill in QuickBooks any more"
        self.move(self.State.READY, words, next_at=Now(), fence=True, wanted=wanted, hold=hold)

    def again(self, *, quarantine: Any, user: User) -> bool:
        """A person presses *Try again*; one in doubt is never looked for before its time. Nothing to do: False."""
        if self.state == self.State.REFUSED:
            self.move(self.State.READY, "Tell Procore of the payment: tried again", user=user, next_at=Now())
        else:
            rows = ContractPayment.objects.filter(pk=self.pk, lease_until=None).exclude(problem="")
            ready = Q(state=self.State.READY) | Q(state=self.State.CHECKING, started_at__lte=Now() - quarantine)
            if not rows.filter(ready).update(next_at=Now()):
                return False
        ring(TELL_DUE, self.company_id)
        return True
