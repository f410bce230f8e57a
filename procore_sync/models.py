"""In: a company's integration with Procore, what Procore told us, and every Procore invoice we ever heard of."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import DateTimeField, F, Q, Value
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from companies.models import Company, User
from inbuild.fields import EncryptedTextField
from inbuild.queue import WorkRow
from invoices.models import Invoice


def secret_sha256(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


class ProcoreIntegration(models.Model):
    """A company's standing link to Procore. *Active* means not disconnected; reconnecting reuses the row."""

    class State(models.TextChoices):
        CONNECTED = "connected", "Connected"
        NEEDS_RECONNECT = "needs_reconnect", "Reconnect needed"
        DISCONNECTED = "disconnected", "Disconnected"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="procore_integrations")
    environment = models.CharField(max_length=20, help_text="A name in settings.PROCORE_ENVIRONMENTS.")
    procore_company_id = models.BigIntegerField()
    procore_company_name = models.CharField(max_length=255, blank=True)
    client_id = models.CharField(max_length=255)
    client_secret = EncryptedTextField()
    service_user_id = models.BigIntegerField(null=True, help_text="Our own user in Procore: its invoices are ours.")
    access_token = EncryptedTextField(blank=True)
    access_expires_at = models.DateTimeField(null=True)
    hook_key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="An address, not a secret.")
    hook_secret = EncryptedTextField(blank=True, help_text="Given to each new hook of ours.")
    hook_secret_sha256 = models.CharField(max_length=64, blank=True)
    previous_hook_secret_sha256 = models.CharField(max_length=64, blank=True)
    previous_hook_secret_until = models.DateTimeField(null=True)
    state = models.CharField(max_length=20, choices=State.choices, default=State.DISCONNECTED)
    checked_at = models.DateTimeField(null=True)
    check_result = models.CharField(max_length=500, blank=True)
    last_delivery_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "id"], name="procore_integration_of_company"),
            models.UniqueConstraint(
                fields=["company", "environment", "procore_company_id"], name="procore_integration_once"
            ),
            models.UniqueConstraint(
                fields=["company"], condition=~Q(state="disconnected"), name="one_active_procore_integration"
            ),
            # Two companies of ours must never see the same company of Procore.
            models.UniqueConstraint(
                fields=["environment", "procore_company_id"],
                condition=~Q(state="disconnected"),
                name="procore_company_belongs_to_one_company",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["connected", "needs_reconnect", "disconnected"]), name="procore_state"
            ),
        ]

    def __str__(self) -> str:
        return f"Procore: {self.procore_company_name or self.procore_company_id}"

    @property
    def is_active(self) -> bool:
        return self.state != self.State.DISCONNECTED

    @classmethod
    def active(cls, company: Company | int) -> ProcoreIntegration | None:
        company_id = company if isinstance(company, int) else company.pk
        return cls.objects.filter(company_id=company_id).exclude(state=cls.State.DISCONNECTED).first()

    def accepts(self, given: bytes) -> bool:
        """Is this the Authorization value we gave Procore? Constant time; the previous one counts until its end."""
        digest = secret_sha256(given)
        current = hmac.compare_digest(digest, self.hook_secret_sha256 or "-" * 64)
        previous = hmac.compare_digest(digest, self.previous_hook_secret_sha256 or "-" * 64)
        until = self.previous_hook_secret_until
        return current or (previous and until is not None and timezone.now() < until)


class ProcoreProject(WorkRow):
    """A project our service account may read, with the hook we keep there; the work row of sweeping."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(ProcoreIntegration, on_delete=models.CASCADE, related_name="projects")
    procore_id = models.BigIntegerField()
    name = models.CharField(max_length=255)
    number = models.CharField(max_length=60, blank=True)
    hook_id = models.CharField(max_length=60, blank=True)
    problem = models.CharField(max_length=300, blank=True)
    swept_until = models.DateTimeField(null=True, help_text="Procore's time of the latest change a sweep has seen.")
    swept_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration", "procore_id"], name="procore_project_once")]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="procore_project_due")
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}".strip()


class MirroringPeriod(models.Model):
    """A stretch of time the switch was on. The switch is on while a period is open."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(ProcoreIntegration, on_delete=models.PROTECT, related_name="periods")
    started_at = models.DateTimeField(db_default=Now())
    started_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration"], condition=Q(ended_at=None), name="one_open_period"),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")), name="period_ends_after_it_starts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} – {self.ended_at or 'now'}"


class WebhookDelivery(WorkRow):
    """One POST from Procore, kept as raw bytes before anybody tries to understand it."""

    class Outcome(models.TextChoices):
        NEW = "new", "New"
        DONE = "done", "Done"
        IGNORED = "ignored", "Ignored"
        DEAD = "dead", "Could not be read"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(ProcoreIntegration, on_delete=models.CASCADE, related_name="deliveries")
    event_key = models.CharField(max_length=80)
    body = models.BinaryField()
    received_at = models.DateTimeField(db_default=Now())
    times_received = models.PositiveIntegerField(default=1)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.NEW)
    reason = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=60, blank=True)
    procore_id = models.BigIntegerField(null=True)
    project_id = models.BigIntegerField(null=True)
    event = models.CharField(max_length=30, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "event_key"], name="delivery_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=["new", "done", "ignored", "dead"]), name="delivery_outcome"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="delivery_due"),
            models.Index(fields=["integration", "procore_id", "id"], name="delivery_of_invoice"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.kind} {self.procore_id}"


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

    STATUS_WORDS: ClassVar[dict[str, str]] = {
        "draft": "Draft",
        "under_review": "Under Review",
        "revise_and_resubmit": "Revise & Resubmit",
        "approved": "Approved",
        "approved_as_noted": "Approved as Noted",
        "pending_owner_approval": "Pending Owner Approval",
    }

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(ProcoreIntegration, on_delete=models.PROTECT, related_name="procore_invoices")
    kind = models.CharField(max_length=30, choices=Kind.choices)
    procore_id = models.BigIntegerField()
    project_id = models.BigIntegerField()
    wanted = models.PositiveIntegerField(default=0)
    stale_looks = models.PositiveSmallIntegerField(default=0, help_text="Readings in a row older than what is known.")
    told_at = models.DateTimeField(null=True, help_text="Procore's time of the latest event about it.")
    status = models.CharField(max_length=40, blank=True)
    seen_unapproved_at = models.DateTimeField(null=True)
    first_seen_approved_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=200, blank=True)
    source_updated_at = models.DateTimeField(null=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    snapshot = models.JSONField(default=dict)
    decision = models.CharField(max_length=10, choices=Decision.choices, default=Decision.WAITING)
    gate = models.CharField(max_length=40, blank=True, help_text="The first gate that was shut.")
    reason = models.CharField(max_length=500, blank=True)
    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, null=True, related_name="procore_invoice")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
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
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="procore_invoice_due")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.procore_id}"

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
            wanted=F("wanted") + 1, next_at=Now(), told_at=Greatest(F("told_at"), Value(told_at, DateTimeField()))
        )
        return row

    def remember(self, **facts: Any) -> None:
        """Keep what Procore says now."""
        for name, value in facts.items():
            setattr(self, name, value)
        ProcoreInvoice.objects.filter(pk=self.pk).update(**facts)
