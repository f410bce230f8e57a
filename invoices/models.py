"""What: invoices with their lines, and the vendors, projects and cost codes they name."""

from __future__ import annotations

import re
import uuid
from datetime import date, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from typing import ClassVar

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.fields.files import FieldFile
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from companies.models import Company, Role, User
from inbuild.queue import WorkRow

NO_DATE = date(9999, 12, 31)  # stands for none where invoices are put in order
REASON = 1000  # characters of why something was rejected
ORIGIN_ID = 60  # no id of QuickBooks' is longer
ORIGIN_HELP = "The id that Procore's ERP integration keeps for it."


class Money(models.DecimalField):  # type: ignore[type-arg]
    """An exact amount of the invoice's currency, two decimals."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("max_digits", 14)
        kwargs.setdefault("decimal_places", 2)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]


class Vendor(models.Model):
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="vendors")
    name = models.CharField(max_length=255)
    procore_id = models.BigIntegerField(null=True, blank=True)
    procore_environment = models.CharField(max_length=20, blank=True, help_text="Where that id is unique.")
    origin_id = models.CharField(max_length=ORIGIN_ID, blank=True, help_text=ORIGIN_HELP)
    origin_asked_at = models.DateTimeField(null=True, blank=True, help_text="When Procore was last asked for that id.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "procore_environment", "procore_id"], name="vendor_once_per_procore_id"
            ),
            models.UniqueConstraint(fields=["company", "id"], name="vendor_of_company"),
        ]
        indexes = [
            models.Index(
                fields=["company"], condition=Q(origin_asked_at=None, procore_id__isnull=False), name="vendor_not_asked"
            ),
            models.Index(fields=["company", "name"], name="vendor_by_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Project(models.Model):
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="projects")
    name = models.CharField(max_length=255)
    number = models.CharField(max_length=60, blank=True)
    procore_id = models.BigIntegerField(null=True, blank=True)
    procore_environment = models.CharField(max_length=20, blank=True, help_text="Where that id is unique.")
    origin_id = models.CharField(max_length=ORIGIN_ID, blank=True, help_text=ORIGIN_HELP)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "procore_environment", "procore_id"], name="project_once_per_procore_id"
            ),
            models.UniqueConstraint(fields=["company", "id"], name="project_of_company"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}".strip()


class CostCode(models.Model):
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="cost_codes")
    code = models.CharField(max_length=120)
    name = models.CharField(max_length=255, blank=True)
    origin_id = models.CharField(max_length=ORIGIN_ID, blank=True, help_text=ORIGIN_HELP)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "code"], name="cost_code_once"),
            models.UniqueConstraint(fields=["company", "id"], name="cost_code_of_company"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}".strip()


class WrongState(Exception):
    """The invoice was changed by somebody else meanwhile, or this move is not allowed."""


def number_key(number: str) -> str:
    """The form in which two invoice numbers of one vendor count as the same: letters and digits, case apart."""
    return re.sub(r"[^0-9a-z]", "", number.casefold())


class Invoice(models.Model):
    """An invoice in inBuild, approved in Procore or made here. It becomes at most one bill in QuickBooks."""

    class Source(models.TextChoices):
        PROCORE = "procore", "Procore"
        INBUILD = "inbuild", "inBuild"

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Waiting for approval"
        APPROVED = "approved", "Approved"
        CANCELLED = "cancelled", "Cancelled"

    class SourceState(models.TextChoices):
        AS_IMPORTED = "as_imported", "As imported"
        CHANGED = "changed", "Changed in Procore"
        NO_LONGER_APPROVED = "no_longer_approved", "No longer approved"
        DELETED = "deleted", "Deleted in Procore"
        KEPT = "kept", "Changed in Procore, kept as is"

    MOVES: ClassVar[dict[str, tuple[str, ...]]] = {
        State.DRAFT: (State.SUBMITTED,),
        State.SUBMITTED: (State.DRAFT,),
        State.APPROVED: (State.DRAFT, State.SUBMITTED),
        State.CANCELLED: (State.DRAFT, State.SUBMITTED, State.APPROVED),
    }

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="invoices")
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    source = models.CharField(max_length=10, choices=Source.choices)
    procore_environment = models.CharField(max_length=20, blank=True, help_text="Where that id is unique.")
    procore_kind = models.CharField(max_length=30, blank=True)
    procore_id = models.BigIntegerField(null=True, blank=True, help_text="Which original in Procore it mirrors.")
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="invoices")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, blank=True, related_name="invoices")
    number = models.CharField(max_length=120)
    number_key = models.CharField(max_length=120, editable=False)
    invoice_date = models.DateField()
    due_date = models.DateField(null=True, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    gross = Money(help_text="This period's work and materials before retainage.")
    retainage = Money(default=Decimal("0"), help_text="Negative when held back, positive when released.")
    amount_due = Money(help_text="What the bill totals.")
    commitment = models.CharField(max_length=255, blank=True)
    memo = models.CharField(max_length=1000, blank=True)
    mismatch = models.CharField(max_length=500, blank=True, help_text="Which of the source's own sums do not agree.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    source_state = models.CharField(max_length=20, choices=SourceState.choices, default=SourceState.AS_IMPORTED)
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.CharField(max_length=200, blank=True)
    rejected_at = models.DateTimeField(null=True, blank=True, help_text="Until it is submitted again.")
    rejected_by = models.CharField(max_length=200, blank=True, db_default="")
    rejected_why = models.CharField(max_length=REASON, blank=True, db_default="")
    source_url = models.URLField(max_length=500, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "id"], name="invoice_of_company"),
            # Whatever else is lost: one original is one invoice, and so one bill.
            models.UniqueConstraint(
                fields=["company", "procore_environment", "procore_kind", "procore_id"],
                name="invoice_once_per_procore_id",
            ),
            models.CheckConstraint(condition=Q(source__in=["procore", "inbuild"]), name="invoice_source"),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "submitted", "approved", "cancelled"]), name="invoice_state"
            ),
            models.CheckConstraint(
                condition=Q(source_state__in=["as_imported", "changed", "no_longer_approved", "deleted", "kept"]),
                name="invoice_source_state",
            ),
            models.CheckConstraint(condition=~Q(number=""), name="invoice_has_a_number"),
            # What is made here must add up at once; what Procore says may not, and then its bill is held.
            models.CheckConstraint(
                condition=Q(source="procore") | Q(amount_due=F("gross") + F("retainage")), name="invoice_adds_up"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "-invoice_date", "-id"], name="invoice_list"),
            models.Index(fields=["company", "project", "-invoice_date", "-id"], name="invoice_list_by_project"),
            models.Index(fields=["company", "vendor", "number_key"], name="invoice_duplicates"),
            # What else the list is sorted by, and what its filters look for; words have an index of their own, which
            # Django cannot describe (migration 0008).
            models.Index(fields=["company", "vendor", "-invoice_date", "-id"], name="invoice_list_by_vendor"),
            models.Index(fields=["company", "amount_due", "id"], name="invoice_list_by_amount"),
            models.Index(fields=["company", "number", "id"], name="invoice_list_by_number"),
            models.Index(F("company"), Coalesce("due_date", Value(NO_DATE)), F("id"), name="invoice_list_by_due"),
            models.Index(
                fields=["company", "-invoice_date", "-id"], condition=Q(source="inbuild"), name="invoice_list_made_here"
            ),
            models.Index(
                fields=["company", "-invoice_date", "-id"],
                condition=Q(state__in=["draft", "submitted", "cancelled"]),
                name="invoice_list_unapproved",
            ),
            models.Index(
                fields=["company"],
                condition=Q(source_state__in=["changed", "no_longer_approved", "deleted"]),
                name="invoice_differs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} of {self.vendor}"

    def save(self, *args: object, **kwargs: object) -> None:
        self.number_key = number_key(self.number)
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @property
    def from_procore(self) -> bool:
        return self.source == self.Source.PROCORE

    def submit(self) -> None:
        """Ask for approval; from here on it is frozen. What an earlier rejection said is answered by that."""
        self._move(self.State.SUBMITTED, rejected_at=None, rejected_by="", rejected_why="")

    def reject(self, why: str, *, by: User) -> None:
        """Give it back as a draft, with what is to be mended."""
        self._move(self.State.DRAFT, rejected_at=Now(), rejected_by=str(by)[:200], rejected_why=why[:REASON])

    def approve(self, *, by: User) -> None:
        """Approve an invoice made in inBuild. Raises WrongState when it was approved or cancelled meanwhile."""
        self._move(self.State.APPROVED, approved_at=timezone.now(), approved_by=str(by))

    def approve_in_procore(self, *, at: datetime, by: str) -> None:
        """An invoice that was sent to Procore was approved there. Raises WrongState."""
        self._move(self.State.APPROVED, approved_at=at, approved_by=by[:200])

    def cancel(self) -> None:
        """Take back an invoice made in inBuild that has not been approved."""
        self._move(self.State.CANCELLED, only_from=(self.State.DRAFT, self.State.SUBMITTED))

    def observe_source(self, source_state: SourceState) -> bool:
        """Note what became of the original in Procore. True when that is news."""
        rows = Invoice.objects.filter(pk=self.pk).exclude(source_state=source_state)
        self.source_state = source_state
        return rows.update(source_state=source_state) == 1

    def _move(self, to: State, *, only_from: tuple[str, ...] | None = None, **changes: object) -> None:
        allowed = only_from or self.MOVES[to]
        moved = Invoice.objects.filter(pk=self.pk, state__in=allowed).update(state=to, **changes)
        if not moved:
            raise WrongState(f"Invoice {self.number} can no longer become {self.State(to).label.lower()}.")
        self.refresh_from_db()


class InvoiceLine(models.Model):
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()
    description = models.CharField(max_length=4000, blank=True)
    cost_code = models.ForeignKey(CostCode, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    cost_type = models.CharField(max_length=120, blank=True, help_text="e.g. Labor, Materials, Subcontract.")
    gross = Money()
    retainage = Money(default=Decimal("0"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="line_position_once")]

    def __str__(self) -> str:
        return f"{self.position}. {self.description}"

    @property
    def net(self) -> Decimal:
        total: Decimal = self.gross + self.retainage
        return total


def file_name(name: str, content_type: str) -> str:
    """A name to show and to save under: no path, nothing that cannot be seen, and the ending its content has."""
    last = re.split(r"[/\\]", name)[-1]
    seen = "".join(each for each in last if each.isprintable() or each == "\N{ZERO WIDTH JOINER}").strip(" .")
    endings = {"application/pdf": (".pdf",), "image/png": (".png",), "image/jpeg": (".jpg", ".jpeg")}[content_type]
    if seen.lower().endswith(endings) and len(seen) <= 255:
        return seen if not seen.startswith(".") else f"file{seen}"
    return f"{seen.removesuffix(endings[0])[:250] or 'file'}{endings[0]}"


def attachment_path(attachment: Attachment, name: str) -> str:
    """A random name in the company's own folder; the person's file name is only shown, never used as a path."""
    ending = Attachment.ENDINGS[attachment.content_type]
    return str(PurePosixPath(str(attachment.company_id), f"{uuid.uuid4().hex}.{ending}"))


def _begins_like_a_pdf(stored: FieldFile) -> bool:
    try:
        with stored.open("rb") as file:
            return bool(file.read(5) == b"%PDF-")
    except OSError:
        return False


class Attachment(models.Model):
    """A PDF or a picture that belongs to an invoice."""

    ENDINGS: ClassVar[dict[str, str]] = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="attachments")
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    file = models.FileField(upload_to=attachment_path)
    name = models.CharField(max_length=255)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, blank=True, db_default="", help_text="Of its bytes; empty: not known.")
    content_type = models.CharField(max_length=40, default="application/pdf")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["company", "id"], name="attachment_of_company")]
        indexes = [models.Index(fields=["company", "sha256"], name="attachment_by_bytes")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_picture(self) -> bool:
        return self.content_type in ("image/png", "image/jpeg")

    def begins_like_a_pdf(self) -> bool:
        """Told by its first bytes, whatever it says it is. False too where the file is gone."""
        if self.content_type != "application/pdf":
            return False
        return _begins_like_a_pdf(self.file)

    @property
    def type_words(self) -> str:
        return {"application/pdf": "PDF", "image/png": "PNG picture", "image/jpeg": "JPEG picture"}.get(
            self.content_type, "File"
        )


def inbox_path(file: InboxFile, name: str) -> str:
    """As for an attachment, which it becomes where it lies."""
    return str(PurePosixPath(str(file.company_id), f"{uuid.uuid4().hex}.pdf"))


class InboxFile(WorkRow):
    """A PDF that somebody dropped, until it is an invoice's attachment or was removed. Its work is to be read once."""

    class State(models.TextChoices):
        WAITING = "waiting", "Being read"
        READ = "read", "Read"
        UNREAD = "unread", "Nothing read"
        USED = "used", "Entered"
        REMOVED = "removed", "Removed"

    OPEN: ClassVar[tuple[str, ...]] = (State.WAITING, State.READ, State.UNREAD)

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    file = models.FileField(upload_to=inbox_path, blank=True, help_text="Empty once it is an attachment, or removed.")
    name = models.CharField(max_length=255)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    found = models.JSONField(default=dict, help_text="What was read: by field, the value and the words it stands in.")
    problem = models.CharField(max_length=500, blank=True, help_text="Why nothing was read.")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="+")
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="used", invoice__isnull=False)
                | Q(state__in=["waiting", "read", "unread", "removed"], invoice=None),
                name="inbox_file_state",
            )
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="inbox_file_due"),
            models.Index(
                fields=["company", "id"], condition=Q(state__in=["waiting", "read", "unread"]), name="inbox_file_open"
            ),
            models.Index(fields=["company", "sha256"], name="inbox_file_by_bytes"),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def open_in(cls, company: Company) -> models.QuerySet[InboxFile]:
        """Those that wait for somebody, in the order in which they came."""
        return cls.objects.filter(company=company, state__in=cls.OPEN).order_by("id")

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    def begins_like_a_pdf(self) -> bool:
        return _begins_like_a_pdf(self.file)


class ApprovalLimit(models.Model):
    """Up to which amount a role may approve; without a row, and for company admins, any amount. None: nothing."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=20, choices=Role.choices)
    amount = Money(null=True, help_text="In the company's currency; null: may not approve.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "role"], name="approval_limit_once"),
            models.CheckConstraint(condition=Q(role="accountant"), name="approval_limit_role"),
            models.CheckConstraint(condition=Q(amount=None) | Q(amount__gt=0), name="approval_limit_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.amount if self.amount is not None else 'may not approve'}"
