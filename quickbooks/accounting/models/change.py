"""A change of a bill that is in the books already: never by itself, always because a person asked for it."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Self

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Least, Now

from accounting.models.bill import Bill, Moved
from companies import auditing
from companies.models import Company, User
from inbuild.queue import WorkRow


class BillChange(WorkRow):
    """One update or deletion, with the bytes that were frozen for it. At most one of a bill is under way.

    Another go is another row, so that its bytes and its key are its own.
    """

    class Kind(models.TextChoices):
        UPDATE = "update", "Update in QuickBooks"
        DELETE = "delete", "Delete from QuickBooks"

    class State(models.TextChoices):
        READY = "ready", "Ready"
        SENDING = "sending", "Sending"
        CHECKING = "checking", "Checking QuickBooks"
        DONE = "done", "Done"
        REFUSED = "refused", "Not possible"
        KEPT = "kept", "Given up"

    PENDING: ClassVar[tuple[str, ...]] = (State.READY, State.SENDING, State.CHECKING)
    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        State.READY: frozenset({State.SENDING, State.DONE, State.REFUSED}),
        State.SENDING: frozenset({State.DONE, State.REFUSED, State.CHECKING, State.READY}),
        State.CHECKING: frozenset({State.DONE, State.REFUSED, State.SENDING}),
        State.DONE: frozenset(),
        State.REFUSED: frozenset({State.KEPT}),
        State.KEPT: frozenset(),
    }

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    bill = models.ForeignKey(Bill, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.READY)
    payload = models.BinaryField(null=True)
    sync_token = models.CharField(max_length=60, blank=True, help_text="The books' version these bytes replace.")
    started_at = models.DateTimeField(null=True, help_text="When these bytes were last allowed to leave.")
    problem = models.CharField(max_length=40, blank=True)
    problem_detail = models.JSONField(default=dict, blank=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bill"], condition=Q(state__in=["ready", "sending", "checking"]), name="one_change_at_a_time"
            ),
            models.CheckConstraint(condition=Q(kind__in=["update", "delete"]), name="change_kind"),
            models.CheckConstraint(
                condition=Q(state__in=["ready", "sending", "checking", "done", "refused", "kept"]), name="change_state"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sending", "checking"]) | Q(payload__isnull=False),
                name="change_frozen_before_it_leaves",
            ),
            models.CheckConstraint(condition=~Q(state="refused") | ~Q(problem=""), name="change_refused_with_a_reason"),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="bill_change_due")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.bill}"

    @classmethod
    def workable(cls) -> models.QuerySet[Self]:
        return super().workable().exclude(problem=Bill.WAITS_FOR_PC)

    @property
    def is_pending(self) -> bool:
        return self.state in self.PENDING

    @property
    def marker(self) -> str:
        """Stands in the memo of an updated bill, so that a look can tell whether this update was taken in."""
        return f"[update {self.uid.hex[:8]}]"

    @property
    def request_id(self) -> str:
        """Intuit: requestid, at most 50 characters, one per intended effect."""
        return uuid.uuid5(self.uid, f"bill:{self.kind}").hex

    @classmethod
    def is_pending_for(cls, bill: Bill) -> bool:
        return cls.objects.filter(bill=bill, state__in=cls.PENDING).exists()

    @classmethod
    def latest(cls, bill: Bill) -> BillChange | None:
        return cls.objects.filter(bill=bill).order_by("-id").first()

    def move(self, to: str, sentence: str, *, user: User | None = None, **changes: Any) -> None:
        """Change the state by compare-and-set, with the bill's AuditEvent in the same transaction. Raises Moved."""
        if to not in self.MOVES[self.state]:
            raise ValueError(f"A change cannot go from {self.state} to {to}.")
        fields: dict[str, Any] = {"problem": "", "problem_detail": {}, "next_at": None, "lease_until": None}
        if to not in self.PENDING:
            fields["ended_at"] = Now()
        with transaction.atomic():
            rows = BillChange.objects.filter(pk=self.pk, state=self.state, attempt=self.attempt)
            if not rows.update(state=to, failures=0, **(fields | changes)):
                raise Moved(f"Change {self.pk} is no longer {self.state}.")
            after = {"change": self.kind, "state": to}
            job = "" if user else "change"
            verb = f"bill.{self.kind}_{to}"
            auditing.record(self.company_id, verb, self.bill, sentence, user=user, job=job, after=after)
        self.refresh_from_db()

    def wait(self, until: Any, problem: str) -> None:
        """Stay in this state and look again later."""
        rows = BillChange.objects.filter(pk=self.pk, state=self.state, attempt=self.attempt)
        failures = Least(F("failures") + 1, 1000)
        rows.update(next_at=until, lease_until=None, failures=failures, problem=problem, problem_detail={})
