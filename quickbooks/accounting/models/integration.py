"""A company's integration with its books, the lists of those books, and which of ours is which of theirs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models, transaction
from django.db.models import Q

from companies import auditing
from companies.models import Company, User
from inbuild.queue import WorkRow
from inbuild.written import Written
from invoices.models import CostCode, Invoice, Project, Vendor

if TYPE_CHECKING:
    from accounting.models.bill import Bill


class Integration(WorkRow):
    """A company's standing link to its books. *Active* means not disconnected.

    It is the work row of following the books: their lists, preferences, bills and payments.
    """

    class Kind(models.TextChoices):
        QBO = "qbo", "QuickBooks Online"
        QBD = "qbd", "QuickBooks Desktop"

    class State(models.TextChoices):
        CONNECTED = "connected", "Connected"
        NEEDS_RECONNECT = "needs_reconnect", "Reconnect needed"
        DISCONNECTED = "disconnected", "Disconnected"

    class LineMode(models.TextChoices):
        ACCOUNT = "account", "Accounts (chart of accounts)"
        ITEM = "item", "Items (products and services)"

    class CodesBy(models.TextChoices):
        COST_CODE = "cost_code", "Cost code"
        COST_TYPE = "cost_type", "Cost type"

    class Use(models.TextChoices):
        NONE = "none", "Not used"
        OPTIONAL = "optional", "Used where mapped"
        REQUIRED = "required", "Required"

    class DueDate(models.TextChoices):
        INVOICE = "invoice", "As on the invoice; else the vendor's terms in QuickBooks"
        TERM = "term", "By one payment term"
        DAYS = "days", "A number of days after the invoice date"

    # What is read with the integration where bills are written.
    POSTED_TO: ClassVar[tuple[str, ...]] = (
        "ap_account",
        "expense_account",
        "expense_item",
        "retainage_account",
        "retainage_item",
    )
    # How long after a restore an invoice may still come again that was posted before it.
    AFTERMATH: ClassVar[timedelta] = timedelta(days=90)

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="integrations")
    kind = models.CharField(max_length=3, choices=Kind.choices)
    state = models.CharField(max_length=20, choices=State.choices, default=State.DISCONNECTED)
    paused = models.BooleanField(default=False)
    external_id = models.CharField(max_length=60, help_text="Realm of a QuickBooks Online company, FileID of a file.")
    account_name = models.CharField(max_length=255, blank=True)
    connected_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    connected_at = models.DateTimeField(null=True)
    last_sync_at = models.DateTimeField(null=True)
    # How bills are written. A default account or item is used for lines whose cost code is not mapped.
    line_mode = models.CharField(max_length=10, choices=LineMode.choices, default=LineMode.ACCOUNT)
    codes_by = models.CharField(max_length=10, choices=CodesBy.choices, default=CodesBy.COST_CODE)
    ap_account = models.ForeignKey("ListEntry", on_delete=models.PROTECT, null=True, related_name="+")
    expense_account = models.ForeignKey("ListEntry", on_delete=models.PROTECT, null=True, related_name="+")
    expense_item = models.ForeignKey("ListEntry", on_delete=models.PROTECT, null=True, related_name="+")
    retainage_account = models.ForeignKey("ListEntry", on_delete=models.PROTECT, null=True, related_name="+")
    retainage_item = models.ForeignKey("ListEntry", on_delete=models.PROTECT, null=True, related_name="+")
    project_use = models.CharField(max_length=10, choices=Use.choices, default=Use.OPTIONAL)
    class_use = models.CharField(max_length=10, choices=Use.choices, default=Use.NONE)
    location = models.ForeignKey("ListEntry", on_delete=models.PROTECT, null=True, related_name="+")
    due_date_rule = models.CharField(max_length=10, choices=DueDate.choices, default=DueDate.INVOICE)
    term = models.ForeignKey("ListEntry", on_delete=models.PROTECT, null=True, related_name="+")
    due_days = models.PositiveSmallIntegerField(default=30)
    creates_vendors = models.BooleanField(default=False, help_text="Vendors the books do not know are created there.")
    set_up_at = models.DateTimeField(null=True, help_text="When an admin last saved these settings.")
    setup_step = models.CharField(max_length=20, blank=True, help_text="Where the Setup Wizard was left.")
    # As read from the books, at connecting and daily.
    closing_date = models.DateField(null=True, help_text="The last day of the closed period.")
    warns_of_duplicates = models.BooleanField(null=True)
    is_multicurrency = models.BooleanField(default=False)
    home_currency = models.CharField(max_length=3, blank=True)
    class_tracking = models.CharField(max_length=4, blank=True, help_text="line, txn, or empty when it is off.")
    tracks_locations = models.BooleanField(default=False)
    preflight = models.JSONField(default=list, help_text="How each check of the books ended.")
    preflight_at = models.DateTimeField(null=True)
    lists_read_at = models.DateTimeField(null=True)
    followed_until = models.DateTimeField(null=True, help_text="Changes in the books before this were seen.")
    followed_at = models.DateTimeField(null=True, help_text="When the books were last asked for changes.")
    compared_at = models.DateTimeField(null=True, help_text="When all bills were last compared with the books.")
    ends_at = models.DateTimeField(null=True, help_text="When the books end this connection unless it is made anew.")
    confirm_switch = models.BooleanField(default=False, help_text="Waiting bills are of other books: ask first.")
    restored_at = models.DateTimeField(null=True, help_text="When the database was last restored from a backup.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "id"], name="integration_of_company"),
            models.UniqueConstraint(fields=["company", "kind", "external_id"], name="integration_once"),
            # Two companies of ours must never write into, or read from, the same books.
            models.UniqueConstraint(
                fields=["kind", "external_id"], condition=~Q(state="disconnected"), name="books_belong_to_one_company"
            ),
            # Several Desktop files may be active together, each for its projects; Online only once.
            models.UniqueConstraint(
                fields=["company"], condition=~Q(state="disconnected") & Q(kind="qbo"), name="one_active_qbo"
            ),
            models.CheckConstraint(condition=Q(kind__in=["qbo", "qbd"]), name="integration_kind"),
            models.CheckConstraint(
                condition=Q(state__in=["connected", "needs_reconnect", "disconnected"]), name="integration_state"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="integration_due")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.account_name or self.external_id}"

    @classmethod
    def workable(cls) -> models.QuerySet[Self]:
        """A company file is followed in the calls of its Web Connector."""
        return super().workable().exclude(kind=cls.Kind.QBD)

    @property
    def is_active(self) -> bool:
        return self.state != self.State.DISCONNECTED

    @property
    def can_post(self) -> bool:
        return self.state == self.State.CONNECTED and not self.paused

    @property
    def by_items(self) -> bool:
        return self.line_mode == self.LineMode.ITEM

    @property
    def classes(self) -> str:
        """How classes are used; not at all where the books do not keep one for each line."""
        return self.class_use if self.class_tracking == "line" else self.Use.NONE

    @property
    def default_target(self) -> ListEntry | None:
        """What a line is posted to whose cost code is not mapped; None where each must be mapped."""
        return self.expense_item if self.by_items else self.expense_account

    @property
    def retainage_target(self) -> ListEntry | None:
        return self.retainage_item if self.by_items else self.retainage_account

    @property
    def target_kind(self) -> str:
        return ListEntry.Kind.ITEM if self.by_items else ListEntry.Kind.ACCOUNT

    @property
    def bill_number_length(self) -> int:
        """Intuit: Bill.DocNumber, at most 21 characters; qbXML: RefNumber, at most 20."""
        return 21 if self.kind == self.Kind.QBO else 20

    @property
    def takes_files(self) -> bool:
        """Can files be hung on its bills? Intuit: qbXML has no way to."""
        return self.kind == self.Kind.QBO

    CONFIGURED: ClassVar[Q] = Q(ap_account__isnull=False, set_up_at__isnull=False)

    @property
    def is_configured(self) -> bool:
        """As CONFIGURED."""
        return self.ap_account_id is not None and self.set_up_at is not None

    def may_have_forgotten(self, bill: Bill) -> bool:
        """May the books have this bill, or its files, from a time that a restored backup knows nothing of?"""
        return self.restored_at is not None and bill.created_at < self.restored_at + self.AFTERMATH

    @classmethod
    def active(cls, company: Company | int) -> models.QuerySet[Integration]:
        company_id = company if isinstance(company, int) else company.pk
        return cls.objects.filter(company_id=company_id).exclude(state=cls.State.DISCONNECTED)

    @classmethod
    def ready_for(cls, company_id: int) -> list[Integration]:
        """The active ones with the accounts and items that bills are posted to, as a bill needs them."""
        return _READY_FOR(company_id)

    def pause(self, sentence: str, *, user: User | None = None, job: str = "") -> None:
        """No bill is sent until somebody resumes; nothing is lost. A second time changes nothing."""
        with transaction.atomic():
            if Integration.objects.filter(pk=self.pk, paused=False).update(paused=True):
                auditing.record(self.company_id, "integration.paused", self, sentence, user=user, job=job)

    def needs_reconnect(self) -> None:
        """The books no longer accept our sign-in; bills wait until an admin reconnects. Said once, not per bill."""
        with transaction.atomic():
            rows = Integration.objects.filter(pk=self.pk, state=self.State.CONNECTED)
            if rows.update(state=self.State.NEEDS_RECONNECT):
                self.state = self.State.NEEDS_RECONNECT
                sentence = f"{self.get_kind_display()} no longer accepts inBuild's connection"
                auditing.record(self.company_id, "integration.needs_reconnect", self, sentence, job="post")


class ProjectBooks(models.Model):
    """Which company file the bills of a project go to, where a company keeps several."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.project} goes to {self.integration}"

    @classmethod
    def of(cls, invoice: Invoice, active: list[Integration]) -> Integration | None:
        """Of several company files the one of the invoice's project; the first, where it is of no project."""
        if invoice.project_id is None:
            return active[0]
        wanted = cls.objects.filter(project_id=invoice.project_id).values_list("integration_id", flat=True).first()
        return next((one for one in active if one.pk == wanted), None)


class ListEntry(models.Model):
    """A vendor, account, item, customer, class or term of the books, as last seen there."""

    class Kind(models.TextChoices):
        VENDOR = "vendor", "Vendor"
        ACCOUNT = "account", "Account"
        ITEM = "item", "Item"
        CUSTOMER = "customer", "Customer or project"
        CLASS = "class", "Class"
        TERM = "term", "Term"
        LOCATION = "location", "Location"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="list_entries")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    external_id = models.CharField(max_length=60)
    name = models.CharField(max_length=500)
    subtype = models.CharField(max_length=60, blank=True, help_text="QuickBooks' account sub-type, where it has one.")
    active = models.BooleanField(default=True)
    currency = models.CharField(max_length=3, blank=True, help_text="Of a vendor, where the books keep several.")
    is_usable = models.BooleanField(default=True, help_text="False for an item without an expense account.")
    seen_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "kind", "external_id"], name="list_entry_once"),
        ]
        indexes = [models.Index(fields=["integration", "kind", "name"], name="list_entry_by_name")]

    def __str__(self) -> str:
        return self.name


class Mapping(models.Model):
    """Which of ours is which of theirs: one of vendor, project, cost code or cost type to one list entry.

    A project may be mapped to a customer and to a class, a code to an account and to an item: hence `kind`.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="mappings")
    kind = models.CharField(max_length=10, choices=ListEntry.Kind.choices, default=ListEntry.Kind.VENDOR)
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, null=True, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="+")
    cost_code = models.ForeignKey(CostCode, on_delete=models.CASCADE, null=True, related_name="+")
    cost_type = models.CharField(max_length=120, blank=True)
    entry = models.ForeignKey(ListEntry, on_delete=models.CASCADE, related_name="mappings")
    confirmed = models.BooleanField(default=False, help_text="A person chose it, or the names are the same.")
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "vendor"], name="vendor_mapped_once"),
            models.UniqueConstraint(fields=["integration", "project", "kind"], name="project_mapped_once"),
            models.UniqueConstraint(fields=["integration", "cost_code", "kind"], name="cost_code_mapped_once"),
            models.UniqueConstraint(
                fields=["integration", "cost_type", "kind"], condition=~Q(cost_type=""), name="cost_type_mapped_once"
            ),
            models.CheckConstraint(
                condition=Q(vendor__isnull=False, project=None, cost_code=None, cost_type="")
                | Q(vendor=None, project__isnull=False, cost_code=None, cost_type="")
                | Q(vendor=None, project=None, cost_code__isnull=False, cost_type="")
                | (Q(vendor=None, project=None, cost_code=None) & ~Q(cost_type="")),
                name="mapping_of_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vendor or self.project or self.cost_code or self.cost_type} is {self.entry}"


_READY_FOR = Written(
    lambda company_id: Integration.active(company_id).select_related(*Integration.POSTED_TO).order_by("id"), int
)
