"""Out: a company's integration with its books, and the bills that must get there."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Least

from companies import auditing
from companies.models import Company, User
from inbuild.queue import WorkRow
from invoices.models import CostCode, Invoice, Money, Project, Vendor


class Integration(models.Model):
    """A company's standing link to its books. *Active* means not disconnected."""

    class Kind(models.TextChoices):
        QBO = "qbo", "QuickBooks Online"
        QBD = "qbd", "QuickBooks Desktop"

    class State(models.TextChoices):
        CONNECTED = "connected", "Connected"
        NEEDS_RECONNECT = "needs_reconnect", "Reconnect needed"
        DISCONNECTED = "disconnected", "Disconnected"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="integrations")
    kind = models.CharField(max_length=3, choices=Kind.choices)
    state = models.CharField(max_length=20, choices=State.choices, default=State.DISCONNECTED)
    paused = models.BooleanField(default=False)
    external_id = models.CharField(max_length=60, help_text="Realm of a QuickBooks Online company, FileID of a file.")
    account_name = models.CharField(max_length=255, blank=True)
    connected_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    connected_at = models.DateTimeField(null=True)
    last_sync_at = models.DateTimeField(null=True)
    ap_account = models.ForeignKey("ListEntry", on_delete=models.PROTECT, null=True, related_name="+")
    expense_account = models.ForeignKey("ListEntry", on_delete=models.PROTECT, null=True, related_name="+")
    retainage_account = models.ForeignKey("ListEntry", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "id"], name="integration_of_company"),
            models.UniqueConstraint(fields=["company", "kind", "external_id"], name="integration_once"),
            # Two companies of ours must never write into, or read from, the same books.
            models.UniqueConstraint(
                fields=["kind", "external_id"], condition=~Q(state="disconnected"), name="books_belong_to_one_company"
            ),
            # Several Desktop files may be active together (issue 4 routes by project); Online only once.
            models.UniqueConstraint(
                fields=["company"], condition=~Q(state="disconnected") & Q(kind="qbo"), name="one_active_qbo"
            ),
            models.CheckConstraint(condition=Q(kind__in=["qbo", "qbd"]), name="integration_kind"),
            models.CheckConstraint(
                condition=Q(state__in=["connected", "needs_reconnect", "disconnected"]), name="integration_state"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.account_name or self.external_id}"

    @property
    def is_active(self) -> bool:
        return self.state != self.State.DISCONNECTED

    @property
    def can_post(self) -> bool:
        return self.state == self.State.CONNECTED and not self.paused

    @property
    def is_configured(self) -> bool:
        return self.ap_account_id is not None and self.expense_account_id is not None

    @classmethod
    def active(cls, company: Company | int) -> models.QuerySet[Integration]:
        company_id = company if isinstance(company, int) else company.pk
        return cls.objects.filter(company_id=company_id).exclude(state=cls.State.DISCONNECTED)

    def needs_reconnect(self) -> None:
        """The books no longer accept our sign-in; bills wait until an admin reconnects. Said once, not per bill."""
        with transaction.atomic():
            rows = Integration.objects.filter(pk=self.pk, state=self.State.CONNECTED)
            if rows.update(state=self.State.NEEDS_RECONNECT):
                self.state = self.State.NEEDS_RECONNECT
                sentence = f"{self.get_kind_display()} no longer accepts inBuild's connection"
                auditing.record(self.company_id, "integration.needs_reconnect", self, sentence, job="post")


class ListEntry(models.Model):
    """A vendor, account, item, customer, class or term of the books, as last seen there."""

    class Kind(models.TextChoices):
        VENDOR = "vendor", "Vendor"
        ACCOUNT = "account", "Account"
        ITEM = "item", "Item"
        CUSTOMER = "customer", "Customer or project"
        CLASS = "class", "Class"
        TERM = "term", "Term"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="list_entries")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    external_id = models.CharField(max_length=60)
    name = models.CharField(max_length=500)
    subtype = models.CharField(max_length=60, blank=True, help_text="QuickBooks' account sub-type, where it has one.")
    active = models.BooleanField(default=True)
    seen_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "kind", "external_id"], name="list_entry_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Mapping(models.Model):
    """Which of ours is which of theirs: one of vendor, project or cost code to one list entry."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="mappings")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, null=True, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="+")
    cost_code = models.ForeignKey(CostCode, on_delete=models.CASCADE, null=True, related_name="+")
    entry = models.ForeignKey(ListEntry, on_delete=models.CASCADE, related_name="mappings")
    confirmed = models.BooleanField(default=False, help_text="A person chose it, or the names are the same.")
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "vendor"], name="vendor_mapped_once"),
            models.UniqueConstraint(fields=["integration", "project"], name="project_mapped_once"),
            models.UniqueConstraint(fields=["integration", "cost_code"], name="cost_code_mapped_once"),
            models.CheckConstraint(
                condition=Q(vendor__isnull=False, project=None, cost_code=None)
                | Q(vendor=None, project__isnull=False, cost_code=None)
                | Q(vendor=None, project=None, cost_code__isnull=False),
                name="mapping_of_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vendor or self.project or self.cost_code} is {self.entry}"


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

    FINAL: ClassVar[frozenset[str]] = frozenset(
        {State.SYNCED, State.FAILED, State.SKIPPED, State.ON_HOLD, State.NEEDS_MAPPING}
    )
    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        State.READY: frozenset({State.NEEDS_MAPPING, State.ON_HOLD, State.SENDING, State.FAILED, State.SKIPPED}),
        State.NEEDS_MAPPING: frozenset({State.READY, State.SKIPPED}),
        State.ON_HOLD: frozenset({State.READY, State.SKIPPED, State.CHECKING}),
        State.SENDING: frozenset({State.SYNCED, State.FAILED, State.CHECKING, State.READY}),
        State.CHECKING: frozenset({State.SYNCED, State.SENDING, State.ON_HOLD}),
        State.FAILED: frozenset({State.READY, State.SKIPPED}),
        State.SKIPPED: frozenset({State.READY, State.CHECKING}),
        State.SYNCED: frozenset(),
    }

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="bills")
    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="bill")
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, null=True, related_name="bills")
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=20, choices=State.choices, default=State.READY)
    problem = models.CharField(max_length=40, blank=True)
    problem_detail = models.JSONField(default=dict, blank=True)
    allow_duplicate = models.BooleanField(default=False, help_text="A person said this is not a duplicate.")
    generation = models.PositiveIntegerField(default=0)
    request_id = models.CharField(max_length=50, null=True, unique=True)  # noqa: DJ001 - unique only once given
    payload = models.BinaryField(null=True)
    payload_sha256 = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True, help_text="When these bytes were last allowed to leave.")
    external_id = models.CharField(max_length=60, null=True)  # noqa: DJ001 - unique only once given
    external_number = models.CharField(max_length=60, blank=True)
    sync_token = models.CharField(max_length=60, blank=True)
    posted_total = Money(null=True)
    synced_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "id"], name="bill_of_company"),
            models.UniqueConstraint(fields=["integration", "external_id"], name="bill_once_in_books"),
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
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="bill_due"),
            models.Index(fields=["company", "state"], name="bill_by_state"),
        ]

    def __str__(self) -> str:
        return f"Bill of {self.invoice}"

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

        Raises Moved when the row left this state or was taken by another worker meanwhile, and ValueError for a move
        that is never allowed.
        """
        if to not in self.MOVES[self.state]:
            raise ValueError(f"A bill cannot go from {self.state} to {to}.")
        with transaction.atomic():
            rows = Bill.objects.filter(pk=self.pk, state=self.state, attempt=self.attempt)
            fields: dict[str, Any] = {
                "problem": problem,
                "problem_detail": detail or {},
                "next_at": next_at,
                "lease_until": None,
                "failures": 0,
            }
            if user is not None:
                # A person's step fences out a worker that still holds the row.
                fields["attempt"] = F("attempt") + 1
            if not rows.update(state=to, **(fields | changes)):
                raise Moved(f"Bill {self.pk} is no longer {self.state}.")
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
        self.refresh_from_db()

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
