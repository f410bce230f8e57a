"""A company's integration with Procore: its projects, when the switch was on, and what Procore sent to our door."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import timedelta

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from companies import auditing
from companies.models import Company, User
from inbuild.fields import EncryptedTextField
from inbuild.queue import WorkRow, ring
from procore_sync.bells import CHECK_DUE, IMPORT_DUE, SWEEP_DUE


def secret_sha256(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


class ProcoreIntegration(WorkRow):
    """A company's standing link to Procore. *Active* means not disconnected; reconnecting reuses the row.

    It is the work row of the daily look at hooks and projects.
    """

    class State(models.TextChoices):
        CONNECTED = "connected", "Connected"
        NEEDS_RECONNECT = "needs_reconnect", "Reconnect needed"
        DISCONNECTED = "disconnected", "Disconnected"

    class Grant(models.TextChoices):
        SERVICE_ACCOUNT = "service_account", "Service account"
        USER = "user", "Procore user"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="procore_integrations")
    environment = models.CharField(max_length=20, help_text="A name in settings.PROCORE_ENVIRONMENTS.")
    procore_company_id = models.BigIntegerField()
    procore_company_name = models.CharField(max_length=255, blank=True)
    client_id = models.CharField(max_length=255)
    client_secret = EncryptedTextField()
    grant = models.CharField(max_length=20, choices=Grant.choices, default=Grant.SERVICE_ACCOUNT)
    own_user_id = models.BigIntegerField(null=True, help_text="Whom Procore takes inBuild for.")
    own_user_name = models.CharField(max_length=255, blank=True)
    access_token = EncryptedTextField(blank=True)
    access_expires_at = models.DateTimeField(null=True)
    refresh_token = EncryptedTextField(blank=True, help_text="Of a Procore user; each may be used once.")
    token_generation = models.PositiveIntegerField(default=0, help_text="Counts the token pairs of a Procore user.")
    refreshing_until = models.DateTimeField(null=True)
    hook_key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="An address, not a secret.")
    hook_secret = EncryptedTextField(blank=True, help_text="Given to each new hook of ours.")
    hook_secret_sha256 = models.CharField(max_length=64, blank=True)
    previous_hook_secret_sha256 = models.CharField(max_length=64, blank=True)
    previous_hook_secret_until = models.DateTimeField(null=True, help_text="Null while a hook may still bring it.")
    company_hook_id = models.CharField(max_length=60, blank=True)
    company_hook_secret_sha256 = models.CharField(max_length=64, blank=True)
    company_hook_problem = models.CharField(max_length=300, blank=True)
    approved_as_noted_counts = models.BooleanField(default=True)
    sends_invoices = models.BooleanField(default=False, help_text="May inBuild's own invoices be sent to Procore?")
    writes_payments = models.BooleanField(default=False, help_text="Are payments seen in the books told to Procore?")
    payments_since = models.DateField(null=True, help_text="Payments of an earlier day are not told.")
    payments_seen_until = models.DateTimeField(null=True, help_text="Bills that changed before this were looked at.")
    payments_compared_at = models.DateTimeField(null=True, help_text="When all payments were last looked at.")
    state = models.CharField(max_length=20, choices=State.choices, default=State.DISCONNECTED)
    check_started_at = models.DateTimeField(null=True, help_text="Of the check that is going on.")
    checked_at = models.DateTimeField(null=True)
    check_result = models.CharField(max_length=500, blank=True)
    steps = models.JSONField(default=list, help_text="How each step of the last check ended.")
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
            models.CheckConstraint(condition=Q(grant__in=["service_account", "user"]), name="procore_grant"),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="procore_check_due")
        ]

    def __str__(self) -> str:
        return f"Procore: {self.procore_company_name or self.procore_company_id}"

    @property
    def is_active(self) -> bool:
        return self.state != self.State.DISCONNECTED

    @classmethod
    def active(cls, company: Company | int) -> ProcoreIntegration | None:
        company_id = company if isinstance(company, int) else company.pk
        found = cls.objects.filter(company_id=company_id).exclude(state=cls.State.DISCONNECTED).first()
        if found is not None and not isinstance(company, int):
            found.company = company
        return found

    def accepts(self, given: bytes) -> bool:
        """Is this the Authorization value we gave Procore? Constant time; the previous one counts until its end."""
        digest = secret_sha256(given)
        current = hmac.compare_digest(digest, self.hook_secret_sha256 or "-" * 64)
        previous = hmac.compare_digest(digest, self.previous_hook_secret_sha256 or "-" * 64)
        until = self.previous_hook_secret_until
        return current or (previous and (until is None or timezone.now() < until))

    @property
    def is_being_checked(self) -> bool:
        """Under way, or asked for and about to begin."""
        return self.next_at is not None and self.next_at <= timezone.now()

    def check_soon(self) -> None:
        """Look at the connection, its projects and hooks as soon as possible, not only once a day."""
        ProcoreIntegration.objects.filter(pk=self.pk).update(next_at=Now())
        ring(CHECK_DUE, self.company_id)

    def check_missed_messages(self) -> None:
        """A change was found of which no message told: its hook may be gone. At most one look an hour because of it."""
        old = Q(checked_at=None) | Q(checked_at__lt=Now() - timedelta(hours=1))
        if ProcoreIntegration.objects.filter(old, pk=self.pk, check_started_at=None).update(next_at=Now()):
            ring(CHECK_DUE, self.company_id)

    def works_again(self) -> None:
        """Procore accepts our sign-in again without anybody having entered anything: the app was given back to us."""
        with transaction.atomic():
            rows = ProcoreIntegration.objects.filter(pk=self.pk, state=self.State.NEEDS_RECONNECT)
            if rows.update(state=self.State.CONNECTED):
                self.state = self.State.CONNECTED
                words = "Procore accepts inBuild's sign-in again."
                auditing.record(self.company_id, "procore.works_again", self, words, job="check")
                self.take_up_imports()

    def take_up_imports(self) -> None:
        """What could not be read without a sign-in is asked for now, and not only when its waiting is over."""
        self.procore_invoices.filter(failures__gt=0, next_at__gt=Now()).update(next_at=Now())
        ring(IMPORT_DUE, self.company_id)

    def needs_reconnect(self, words: str) -> None:
        """Procore no longer accepts our sign-in; said once, not per invoice."""
        with transaction.atomic():
            rows = ProcoreIntegration.objects.filter(pk=self.pk, state=self.State.CONNECTED)
            if rows.update(state=self.State.NEEDS_RECONNECT, check_result=words[:500]):
                self.state = self.State.NEEDS_RECONNECT
                auditing.record(self.company_id, "procore.needs_reconnect", self, words, job="import")

    def compare_soon(self) -> None:
        """Compare all of every open project as soon as possible, not only at night."""
        self.projects.filter(is_open=True).update(compare_due_at=Now(), next_at=Now())
        ring(SWEEP_DUE, self.company_id)

    def let_approved_as_noted_count(self, wanted: bool, *, user: User) -> None:
        """Take *Approved as Noted* for approved, or not; what waited for that is decided again.

        Set, not flipped, under the lock that imports share: none is decided by the old answer afterwards.
        """
        with transaction.atomic(durable=True):
            row = ProcoreIntegration.objects.select_for_update(no_key=True).get(pk=self.pk)
            self.approved_as_noted_counts = wanted
            if row.approved_as_noted_counts == wanted:
                return
            ProcoreIntegration.objects.filter(pk=self.pk).update(approved_as_noted_counts=wanted)
            to, other = ("on", "off") if wanted else ("off", "on")
            auditing.record(
                self.company_id,
                f"approved_as_noted.{to}",
                self,
                f"Approved as Noted counts as approved: turned {to}",
                user=user,
                before={"approved_as_noted_counts": other},
                after={"approved_as_noted_counts": to},
            )
            if wanted:
                waiting = self.procore_invoices.filter(status="approved_as_noted", gate="status", invoice=None)
                waiting.update(wanted=F("wanted") + 1, next_at=Now())
                ring(IMPORT_DUE, self.company_id)

    @property
    def service_user_id(self) -> int | None:
        """Our own user in Procore: its invoices are ours. A person we sign in as makes invoices too."""
        return self.own_user_id if self.grant == self.Grant.SERVICE_ACCOUNT else None


class ProcoreProject(WorkRow):
    """A project inBuild may read, with the hook we keep there; the work row of sweeping."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(ProcoreIntegration, on_delete=models.CASCADE, related_name="projects")
    procore_id = models.BigIntegerField()
    name = models.CharField(max_length=255)
    number = models.CharField(max_length=60, blank=True)
    is_open = models.BooleanField(default=True, help_text="Procore lists it among our active projects.")
    hook_id = models.CharField(max_length=60, blank=True)
    hook_secret_sha256 = models.CharField(max_length=64, blank=True, help_text="Which secret its hook was given.")
    hook_problem = models.CharField(max_length=300, blank=True)
    problem = models.CharField(max_length=300, blank=True, help_text="Of reading it.")
    checked_at = models.DateTimeField(null=True, help_text="When its hook and our permission were last looked at.")
    direct_costs_problem = models.CharField(max_length=300, blank=True, help_text="The tool may just be switched off.")
    last_delivery_at = models.DateTimeField(null=True)
    swept_until = models.DateTimeField(null=True, help_text="Procore's time of the latest change a sweep has seen.")
    swept_at = models.DateTimeField(null=True)
    compare_due_at = models.DateTimeField(null=True, help_text="When everything is to be compared next.")
    compared_at = models.DateTimeField(null=True, help_text="When everything was last compared.")

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
