"""What QuickBooks shall have for an invoice, every try, what it waits for, and what the books show."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar, Self

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Least, Now

from accounting.models.integration import Integration
from companies import auditing
from companies.models import Company, User
from inbuild.queue import WorkRow
from invoices.models import Attachment, Invoice, Money


class Moved(Exception):
    """The bill is no longer in the state this move starts from, or another worker has it now."""


class Bill(WorkRow):
    """What QuickBooks shall have for one invoice, and how far that is. One row for ever per invoice."""

    class State(models.TextChoices):
        NEEDS_MAPPING = "needs_mapping", "Needs mapping"
        ON_HOLD = "on_hold", "On hold"
        READY = "ready", "Ready to sync"
        SENDING = "sending", "Syncing"
        CHECKING = "checking", "Checking QuickBooks"
        SYNCED = "synced", "Synced"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"

    class Kind(models.TextChoices):
        BILL = "bill", "Bill"
        VENDOR_CREDIT = "vendor_credit", "Vendor credit"

    class Paid(models.TextChoices):
        UNKNOWN = "", "Not known yet"
        UNPAID = "unpaid", "Unpaid"
        PARTLY = "partly", "Partially paid"
        PAID = "paid", "Paid"

    class BooksState(models.TextChoices):
        AS_POSTED = "as_posted", "As posted"
        CHANGED = "changed", "Changed in QuickBooks"
        DELETED = "deleted", "Deleted in QuickBooks"
        COPIED = "copied", "Copied in QuickBooks"

    # The problem of a bill, or of its change, that only the next call of a PC's Web Connector takes on.
    WAITS_FOR_PC: ClassVar[str] = "waits_for_pc"
    # A person put it on hold: nothing but a person's Release takes it on.
    HELD: ClassVar[str] = "held"
    FINAL: ClassVar[frozenset[str]] = frozenset(
        {State.SYNCED, State.FAILED, State.SKIPPED, State.ON_HOLD, State.NEEDS_MAPPING}
    )
    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        State.READY: frozenset(
            {State.NEEDS_MAPPING, State.ON_HOLD, State.SENDING, State.FAILED, State.SKIPPED, State.SYNCED}
        ),
        State.NEEDS_MAPPING: frozenset({State.READY, State.ON_HOLD, State.SKIPPED, State.SYNCED}),
        State.ON_HOLD: frozenset({State.READY, State.SKIPPED, State.CHECKING, State.SYNCED}),
        State.SENDING: frozenset({State.SYNCED, State.FAILED, State.CHECKING, State.READY}),
        State.CHECKING: frozenset({State.SYNCED, State.SENDING, State.ON_HOLD, State.READY}),
        State.FAILED: frozenset({State.READY, State.ON_HOLD, State.SKIPPED, State.SYNCED}),
        State.SKIPPED: frozenset({State.READY, State.CHECKING, State.SYNCED}),
        State.SYNCED: frozenset({State.READY, State.SKIPPED, State.ON_HOLD}),
    }

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="bills")
    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="bill")
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, null=True, related_name="bills")
    kind = models.CharField(max_length=15, choices=Kind.choices, default=Kind.BILL)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=20, choices=State.choices, default=State.READY)
    problem = models.CharField(max_length=40, blank=True)
    problem_detail = models.JSONField(default=dict, blank=True)
    allow_duplicate = models.BooleanField(default=False, help_text="A person said this is not a duplicate.")
    posting_date = models.DateField(null=True, help_text="A day a person chose instead of the invoice's own.")
    is_by_hand = models.BooleanField(default=False, help_text="A person linked a bill that inBuild did not make.")
    generation = models.PositiveIntegerField(default=0)
    request_id = models.CharField(max_length=50, null=True, unique=True)  # noqa: DJ001 - unique only once given
    payload = models.BinaryField(null=True)
    payload_sha256 = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True, help_text="When these bytes were last allowed to leave.")
    external_id = models.CharField(max_length=60, null=True)  # noqa: DJ001 - unique only once given
    external_number = models.CharField(max_length=60, blank=True)
    sync_token = models.CharField(max_length=60, blank=True)
    posted_total = Money(null=True)
    posted_vendor_id = models.CharField(max_length=60, blank=True)
    is_unmarked = models.BooleanField(default=False, help_text="A person accepted that the bill lost our marker.")
    synced_at = models.DateTimeField(null=True)
    paid_state = models.CharField(max_length=10, choices=Paid.choices, blank=True, default=Paid.UNKNOWN)
    balance = Money(null=True, help_text="What the books say is still to be paid.")
    paid_on = models.DateField(null=True)
    payment_reference = models.CharField(max_length=200, blank=True)
    books_state = models.CharField(max_length=10, choices=BooksState.choices, default=BooksState.AS_POSTED)
    books_words = models.CharField(max_length=500, blank=True, help_text="What is different in the books.")
    books_seen_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "id"], name="bill_of_company"),
            models.UniqueConstraint(fields=["integration", "kind", "external_id"], name="bill_once_in_books"),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "needs_mapping",
                        "on_hold",
                        "ready",
                        "sending",
                        "checking",
                        "synced",
                        "failed",
                        "skipped",
                    ]
                ),
                name="bill_state",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sending", "checking"])
                | Q(payload__isnull=False, request_id__isnull=False, integration__isnull=False),
                name="bill_frozen_before_it_leaves",
            ),
            models.CheckConstraint(
                condition=~Q(state="synced") | Q(external_id__isnull=False, synced_at__isnull=False),
                name="bill_synced_with_its_id",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["needs_mapping", "on_hold", "failed"]) | ~Q(problem=""),
                name="bill_stopped_with_a_reason",
            ),
            models.CheckConstraint(condition=Q(kind__in=["bill", "vendor_credit"]), name="bill_kind"),
            models.CheckConstraint(condition=Q(paid_state__in=["", "unpaid", "partly", "paid"]), name="bill_paid"),
            models.CheckConstraint(
                condition=Q(books_state__in=["as_posted", "changed", "deleted", "copied"]), name="bill_in_books"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="bill_due"),
            # Answers a count of the invoices in a state by itself, without a look at each of their rows.
            models.Index(fields=["company", "state"], include=["invoice", "problem"], name="bill_in_state"),
            models.Index(
                fields=["company", "paid_state"],
                condition=Q(paid_state__in=["unpaid", "partly"]),
                name="bill_to_be_paid",
            ),
            models.Index(fields=["company", "books_seen_at"], name="bill_by_look"),
            models.Index(
                fields=["company"], condition=Q(books_state__in=["changed", "deleted", "copied"]), name="bill_differs"
            ),
        ]

    def __str__(self) -> str:
        return f"Bill of {self.invoice}"

    @classmethod
    def workable(cls) -> models.QuerySet[Self]:
        return super().workable().exclude(problem=cls.WAITS_FOR_PC)

    @property
    def is_final(self) -> bool:
        return self.state in self.FINAL

    @property
    def marker(self) -> str:
        """Stands in the bill's memo, so that a look-up can tell our bill from one typed in by hand."""
        return f"[inBuild {self.uid.hex[:12]}]"

    def move(
        self,
        to: str,
        sentence: str,
        *,
        user: User | None = None,
        job: str = "",
        problem: str = "",
        detail: dict[str, Any] | None = None,
        next_at: datetime | Any | None = None,
        **changes: Any,
    ) -> None:
        """Change the state by compare-and-set, with its AuditEvent in the same transaction.

        The object then shows what this move wrote and nothing that another hand wrote since: above all its `attempt`
        stays the number that this taking was fenced with. What the database reckoned is read when it is asked for.
        Raises Moved when the row left this state or was taken by another worker meanwhile, and ValueError for a move
        that is never allowed.
        """
        if to not in self.MOVES[self.state]:
            raise ValueError(f"A bill cannot go from {self.state} to {to}.")
        fields: dict[str, Any] = {
            "state": to,
            "problem": problem,
            "problem_detail": detail or {},
            "next_at": next_at,
            "lease_until": None,
            "failures": 0,
        }
        if user is not None:
            # A person's step fences out a worker that still holds the row.
            fields["attempt"] = self.attempt + 1
        fields |= changes
        # Without a savepoint of its own: it writes nothing, or both rows, or all of the transaction fails.
        with transaction.atomic(savepoint=False):
            rows = Bill.objects.filter(pk=self.pk, state=self.state, attempt=self.attempt)
            moved = rows.update(**fields)
            if moved:
                auditing.record(
                    self.company_id,
                    f"bill.{to}",
                    self,
                    sentence,
                    user=user,
                    job=job,
                    before={"state": self.state},
                    after={"state": to} | ({"problem": problem} if problem else {}),
                )
        if not moved:
            raise Moved(f"Bill {self.pk} is no longer {self.state}.")
        self._show(fields)

    def _show(self, written: dict[str, Any]) -> None:
        for name, value in written.items():
            if hasattr(value, "resolve_expression"):
                self.__dict__.pop(name, None)  # deferred: Django reads it when somebody asks
            else:
                setattr(self, name, value)

    @classmethod
    def at_hand(cls) -> models.QuerySet[Any]:
        return super().at_hand().select_related("invoice__vendor", "invoice__project")

    @classmethod
    def go_on(
        cls,
        rows: models.QuerySet[Bill],
        sentence: str,
        *,
        user: User | None = None,
        job: str = "",
        state: str = State.NEEDS_MAPPING,
        **changes: Any,
    ) -> list[int]:
        """Make all of these that rest in `state` ready, in one step; others are left alone. Returns the ids."""
        fields = {"state": cls.State.READY, "problem": "", "problem_detail": {}, "next_at": Now(), "lease_until": None}
        before, after = {"state": state}, {"state": cls.State.READY}
        with transaction.atomic():
            waiting = list(rows.filter(state=state).select_for_update(of=("self",)).order_by("id"))
            ids = [bill.pk for bill in waiting]
            cls.objects.filter(pk__in=ids).update(failures=0, **(fields | changes))
            auditing.record_each("bill.ready", waiting, sentence, user=user, job=job, before=before, after=after)
        return ids

    def leave_books(self, to: str, sentence: str, **how: Any) -> None:
        """It is not in the books any more, or not the one there after all: nothing known of it there stays, neither
        which files hung on it. Raises as `move`.
        """
        with transaction.atomic():
            self.move(
                to,
                sentence,
                **how,
                external_id=None,
                external_number="",
                sync_token="",
                posted_total=None,
                posted_vendor_id="",
                synced_at=None,
                is_unmarked=False,
                is_by_hand=False,
                paid_state=Bill.Paid.UNKNOWN,
                balance=None,
                paid_on=None,
                payment_reference="",
                books_state=Bill.BooksState.AS_POSTED,
                books_words="",
            )
            BillFile.objects.filter(bill=self).delete()

    def wait(self, *, until: Any, problem: str = "", detail: dict[str, Any] | None = None) -> None:
        """Stay in this state and look again later; whose fault it is may be shown meanwhile."""
        rows = Bill.objects.filter(pk=self.pk, state=self.state, attempt=self.attempt)
        rows.update(
            next_at=until,
            lease_until=None,
            failures=Least(F("failures") + 1, 1000),
            problem=problem,
            problem_detail=detail or {},
        )


class BillAttempt(models.Model):
    """One try: what left, what came back."""

    class Outcome(models.TextChoices):
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        UNKNOWN = "unknown", "No clear answer"
        NOT_SENT = "not_sent", "Not sent"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    bill = models.ForeignKey(Bill, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(auto_now_add=True)
    asked = models.CharField(max_length=60)
    request_id = models.CharField(max_length=50, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    answer = models.CharField(max_length=2000, blank=True)
    trace_id = models.CharField(max_length=200, blank=True)
    external_id = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["done", "refused", "unknown", "not_sent"]), name="attempt_outcome"
            )
        ]

    def __str__(self) -> str:
        return f"{self.asked}: {self.get_outcome_display()}"


class MissingMapping(models.Model):
    """One thing a bill waits for: the pages group by `key`, and mapping it frees every bill that has no other."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    bill = models.ForeignKey(Bill, on_delete=models.CASCADE, related_name="missing")
    key = models.CharField(max_length=140, help_text="e.g. vendor:12, customer:3, class:3, account:7, item-type:Labor")
    name = models.CharField(max_length=300)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bill", "key"], name="missing_once")]
        indexes = [models.Index(fields=["company", "key"], name="missing_by_key")]

    def __str__(self) -> str:
        return f"{self.key}: {self.name}"


class BillFile(WorkRow):
    """An attachment of an invoice on its way onto its bill; it never undoes a synced bill."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        ATTACHED = "attached", "Attached"
        FAILED = "failed", "Not attached"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    bill = models.ForeignKey(Bill, on_delete=models.CASCADE, related_name="files")
    attachment = models.ForeignKey(Attachment, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=300, blank=True)
    external_id = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bill", "attachment"], name="bill_file_once"),
            models.CheckConstraint(condition=Q(state__in=["waiting", "attached", "failed"]), name="bill_file_state"),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="bill_file_due")
        ]

    def __str__(self) -> str:
        return f"{self.attachment} on {self.bill}"


class BookedBill(models.Model):
    """A bill as the books last showed it, ours or typed in there: what duplicates and payments are read from."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="booked_bills")
    kind = models.CharField(max_length=15, choices=Bill.Kind.choices, default=Bill.Kind.BILL)
    external_id = models.CharField(max_length=60)
    vendor_id = models.CharField(max_length=60)
    vendor_name = models.CharField(max_length=500, blank=True)
    number = models.CharField(max_length=60, blank=True)
    number_key = models.CharField(max_length=60, blank=True)
    date = models.DateField()
    total = Money()
    balance = Money()
    memo = models.CharField(max_length=4000, blank=True)
    marker = models.CharField(max_length=30, blank=True, help_text="The marker of inBuild in the memo.")
    payments = models.JSONField(default=dict, blank=True, help_text="What was applied to it, by the payment's id.")
    sync_token = models.CharField(max_length=60, blank=True)
    is_deleted = models.BooleanField(default=False)
    changed_at = models.DateTimeField(null=True, help_text="The books' own time of its last change.")
    seen_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "kind", "external_id"], name="booked_bill_once"),
        ]
        indexes = [
            models.Index(fields=["integration", "vendor_id", "number_key"], name="booked_bill_duplicates"),
            models.Index(fields=["integration", "marker"], condition=~Q(marker=""), name="booked_bill_by_marker"),
        ]

    def __str__(self) -> str:
        return f"{self.number} of {self.vendor_name}"
