"""Every invoice of Procore's that we ever heard of, imported or not, and the files that shall come along."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import DateTimeField, F, Q, Value
from django.db.models.functions import Greatest, Least, Now

from companies import auditing
from companies.models import Company, User
from inbuild.queue import WorkRow, ring
from invoices.models import Attachment, Invoice, Money
from procore_sync.bells import ATTACH_DUE
from procore_sync.models.integration import ProcoreIntegration


class Backfill(models.Model):
    """One press of *Import* on the Review page: earlier approvals that a person chose."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(ProcoreIntegration, on_delete=models.PROTECT, related_name="backfills")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["company", "id"], name="backfill_of_company")]

    def __str__(self) -> str:
        return f"Chosen by {self.by}"


class ProcoreInvoice(WorkRow):
    """One invoice of Procore's that we have heard of, imported or not: the work row of importing.

    `wanted` rises with every hint; importing is finished only if it has not risen meanwhile.
    """

    class Kind(models.TextChoices):
        SUBCONTRACTOR_INVOICE = "subcontractor_invoice", "Subcontractor invoice"
        DIRECT_COST = "direct_cost", "Direct cost"

    class Decision(models.TextChoices):
        WAITING = "waiting", "Waiting"
        IMPORTED = "imported", "Imported"
        SKIPPED = "skipped", "Not imported"

    class Priority(models.IntegerChoices):
        NOW = 0, "A webhook or a person"
        LATER = 1, "A sweep or a backfill"

    class ApprovalSource(models.TextChoices):
        HISTORY = "history", "Procore's change history"
        FIRST_SEEN = "first_seen", "First seen approved, after it had been seen unapproved"
        CREATED = "created", "First seen approved; it did not exist before"

    STATUS_WORDS: ClassVar[dict[str, str]] = {
        "draft": "Draft",
        "under_review": "Under Review",
        "revise_and_resubmit": "Revise & Resubmit",
        "approved": "Approved",
        "approved_as_noted": "Approved as Noted",
        "pending_owner_approval": "Pending Owner Approval",
        "pending": "Pending",
    }

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(ProcoreIntegration, on_delete=models.PROTECT, related_name="procore_invoices")
    kind = models.CharField(max_length=30, choices=Kind.choices)
    procore_id = models.BigIntegerField()
    project_id = models.BigIntegerField()
    wanted = models.PositiveIntegerField(default=0)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.LATER)
    stale_looks = models.PositiveSmallIntegerField(default=0, help_text="Readings in a row older than what is known.")
    told_at = models.DateTimeField(null=True, help_text="Procore's time of the latest event about it.")
    status = models.CharField(max_length=40, blank=True)
    number = models.CharField(max_length=120, blank=True)
    vendor_name = models.CharField(max_length=255, blank=True)
    billing_date = models.DateField(null=True)
    amount_due = Money(null=True)
    currency = models.CharField(max_length=3, blank=True, help_text="Blank: read before it was noted; the company's.")
    created_in_procore_at = models.DateTimeField(null=True)
    seen_unapproved_at = models.DateTimeField(null=True)
    first_seen_approved_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=200, blank=True)
    approval_source = models.CharField(max_length=12, choices=ApprovalSource.choices, blank=True)
    creator_told = models.BigIntegerField(null=True, help_text="Whom Procore's create event names.")
    source_updated_at = models.DateTimeField(null=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    listed_sha256 = models.CharField(max_length=64, blank=True, help_text="Of what the last full compare listed.")
    snapshot = models.JSONField(default=dict, help_text="What Procore showed last.")
    imported = models.JSONField(default=dict, help_text="What Procore showed when inBuild last took it over.")
    kept_fingerprint = models.CharField(max_length=64, blank=True, help_text="A change a person decided to keep out.")
    decision = models.CharField(max_length=10, choices=Decision.choices, default=Decision.WAITING)
    gate = models.CharField(max_length=40, blank=True, help_text="The first gate that was shut.")
    reason = models.CharField(max_length=500, blank=True)
    evidence = models.JSONField(default=list, help_text="Every gate with its answer when it was last decided.")
    backfill = models.ForeignKey(Backfill, on_delete=models.PROTECT, null=True, related_name="chosen")
    dismissed = models.BooleanField(default=False, help_text="A person wants it neither imported nor offered.")
    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, null=True, related_name="procore_invoice")
    imported_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "id"], name="procore_invoice_of_company"),
            models.UniqueConstraint(fields=["integration", "kind", "procore_id"], name="procore_invoice_once"),
            models.CheckConstraint(
                condition=Q(decision__in=["waiting", "imported", "skipped"]), name="procore_invoice_decision"
            ),
            models.CheckConstraint(
                condition=Q(decision="imported", invoice__isnull=False) | (~Q(decision="imported") & Q(invoice=None)),
                name="imported_means_an_invoice",
            ),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="procore_invoice_due"),
            models.Index(
                fields=["company", "status"], condition=Q(invoice__isnull=True), name="procore_invoice_not_imported"
            ),
            # What Review lists, in its order.
            models.Index(
                F("integration"),
                F("billing_date").desc(nulls_last=True),
                F("id").desc(),
                condition=Q(invoice__isnull=True, gate__in=["mirroring", "switch", "quickbooks"]),
                name="procore_invoice_to_review",
            ),
            # What the on/off history counts.
            models.Index(fields=["integration", "approved_at"], name="procore_invoice_approved"),
            models.Index(
                fields=["integration", "imported_at"],
                condition=Q(imported_at__isnull=False),
                name="procore_invoice_imported",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number or self.procore_id}"

    @property
    def status_words(self) -> str:
        return self.STATUS_WORDS.get(self.status, self.status.replace("_", " ").title())

    @classmethod
    def hint(
        cls,
        integration: ProcoreIntegration,
        *,
        kind: str,
        procore_id: int,
        project_id: int,
        told_at: datetime | None = None,
        priority: Priority = Priority.NOW,
    ) -> ProcoreInvoice:
        """Somebody says this one changed: note it and make it due. Order, age and repetition do not matter."""
        row, _ = cls.objects.get_or_create(
            integration=integration,
            kind=kind,
            procore_id=procore_id,
            defaults={"company_id": integration.company_id, "project_id": project_id},
        )
        # GREATEST leaves nulls out, so the first event counts as well.
        cls.objects.filter(pk=row.pk).update(
            wanted=F("wanted") + 1,
            next_at=Now(),
            told_at=Greatest(F("told_at"), Value(told_at, DateTimeField())),
            priority=Least(F("priority"), Value(priority.value)),
        )
        return row

    def remember(self, **facts: Any) -> None:
        """Keep what Procore says now."""
        for name, value in facts.items():
            setattr(self, name, value)
        ProcoreInvoice.objects.filter(pk=self.pk).update(**facts)


class ProcoreAttachment(WorkRow):
    """A file of a mirrored invoice that shall come along; it never holds up the invoice or its bill."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        STORED = "stored", "Stored"
        FAILED = "failed", "Not copied"

    # The invoice itself as Procore prints it has no attachment id.
    PRINTED = "pdf"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    procore_invoice = models.ForeignKey(ProcoreInvoice, on_delete=models.CASCADE, related_name="attachments")
    procore_id = models.CharField(max_length=60)
    name = models.CharField(max_length=255)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=300, blank=True)
    job_url = models.URLField(max_length=1000, blank=True, help_text="Where Procore tells of the print it is making.")
    job_started_at = models.DateTimeField(null=True)
    attachment = models.OneToOneField(Attachment, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["procore_invoice", "procore_id"], name="procore_attachment_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "stored", "failed"]), name="procore_attachment_state"
            ),
        ]
        indexes = [
            models.Index(
                fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="procore_attachment_due"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_print(self) -> bool:
        return self.procore_id == self.PRINTED

    def retry(self, *, user: User) -> bool:
        """A person wants another go at a file that rests as *Not copied*. False when it is no longer at rest."""
        with transaction.atomic():
            rows = ProcoreAttachment.objects.filter(pk=self.pk, state=self.State.FAILED)
            if not rows.update(
                state=self.State.WAITING, reason="", failures=0, next_at=Now(), attempt=F("attempt") + 1
            ):
                return False
            invoice = self.procore_invoice.invoice
            if invoice is not None:
                auditing.record(
                    self.company_id, "invoice.file_retried", invoice, f"Try again to copy: {self.name}", user=user
                )
        ring(ATTACH_DUE, self.company_id)
        return True
