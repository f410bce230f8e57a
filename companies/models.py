"""Who: people, companies, their roles, and what was done by whom."""

from __future__ import annotations

import uuid
import zoneinfo
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F
from django.db.models.functions import Least, Now
from django.utils import timezone

from inbuild import queue
from inbuild.fields import EncryptedTextField
from inbuild.queue import WorkRow


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in with an e-mail address; what they may do comes from their Membership."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May look at the support pages.")
    date_joined = models.DateTimeField(default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.name or self.email


def check_time_zone(value: str) -> None:
    if value not in zoneinfo.available_timezones():
        raise ValidationError("Choose a time zone from the list.")


class Company(models.Model):
    """The tenant: a construction firm using inBuild."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, default="America/New_York", validators=[check_time_zone])
    currency = models.CharField(max_length=3, default="USD")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "companies"

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    ADMIN = "admin", "Company admin"
    ACCOUNTANT = "accountant", "Accountant"
    VIEWER = "viewer", "Viewer"


class Digest(models.TextChoices):
    OFF = "off", "Off"
    DAILY = "daily", "Every day"
    WEEKLY = "weekly", "Every Monday"


class Membership(models.Model):
    """What one person may do in one company."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    digest_choice = models.CharField(
        max_length=6, choices=Digest.choices, blank=True, help_text="Empty: as is usual for the role."
    )
    at_once_choice = models.BooleanField(null=True, help_text="Null: as is usual for the role.")
    seen_notices = models.JSONField(default=dict, help_text="The count of each notice when this person last looked.")
    mailed_notices = models.JSONField(default=dict, help_text="The count of each notice in the last mail to them.")
    digest_day = models.DateField(null=True, help_text="The day whose digest was last written, or not needed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "user"], name="membership_once"),
            models.UniqueConstraint(fields=["company", "id"], name="membership_of_company"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display()} of {self.company}"

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @property
    def can_work(self) -> bool:
        """May change invoices: coding, approving, retrying, holding, skipping."""
        return self.role in (Role.ADMIN, Role.ACCOUNTANT)

    @property
    def digest(self) -> Digest:
        """How often they get a digest: as they chose, else daily for those who work here."""
        return Digest(self.digest_choice or (Digest.DAILY if self.can_work else Digest.OFF))

    @property
    def gets_mail_at_once(self) -> bool:
        """Is a lost connection mailed to them at once? As they chose, else to admins."""
        return self.is_admin if self.at_once_choice is None else self.at_once_choice


class Invitation(models.Model):
    """Somebody asked by e-mail to become a member. The token stands in that mail alone; here is its hash.

    Open until it was accepted or withdrawn; an open one may have expired, and is then sent again.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=20, choices=Role.choices)
    token_sha256 = models.CharField(max_length=64, unique=True)
    sent_at = models.DateTimeField(help_text="When the mail with the latest token was written.")
    expires_at = models.DateTimeField()
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "id"], name="invitation_of_company"),
            models.UniqueConstraint(
                fields=["company", "email"],
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                name="invitation_open_once",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role"),
        ]

    def __str__(self) -> str:
        return f"{self.email}, {self.get_role_display()} of {self.company}"

    @classmethod
    def open_in(cls, company: Company) -> models.QuerySet[Invitation]:
        """Neither accepted nor withdrawn, the oldest first."""
        return cls.objects.filter(company=company, accepted_at=None, withdrawn_at=None).order_by("id")

    @property
    def is_open(self) -> bool:
        return self.accepted_at is None and self.withdrawn_at is None


class AuditEvent(models.Model):
    """Who or which job did what to what. Insert only: a trigger in the database refuses the rest."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="audit_events")
    at = models.DateTimeField(db_default=Now(), editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    job = models.CharField(max_length=60, blank=True, help_text="The job that acted, when no person did.")
    verb = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40)
    sentence = models.CharField(max_length=500)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    request_id = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["company", "object_type", "object_id", "id"], name="audit_of_object"),
            models.Index(fields=["company", "-at", "-id"], name="audit_by_time"),
            models.Index(fields=["company", "user", "-at", "-id"], name="audit_by_person"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=False) | ~models.Q(job=""), name="audit_has_an_actor"
            )
        ]

    def __str__(self) -> str:
        return self.sentence

    @property
    def actor(self) -> str:
        return str(self.user) if self.user else "inBuild"


class OutsideCall(models.Model):
    """One call to Procore or Intuit, without secrets or bodies."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="outside_calls")
    at = models.DateTimeField(auto_now_add=True)
    provider = models.CharField(max_length=20)
    subject = models.CharField(max_length=60, blank=True, help_text="What the call was for, e.g. bill:12.")
    method = models.CharField(max_length=10)
    url = models.CharField(max_length=500)
    status = models.PositiveSmallIntegerField(null=True)
    milliseconds = models.PositiveIntegerField()
    request_sha256 = models.CharField(max_length=64, blank=True)
    trace_id = models.CharField(max_length=200, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["company", "subject", "id"], name="call_of_subject")]

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.status or self.error}"


class Notice(models.Model):
    """Something that needs somebody, from when it was first seen until it was no more. Open while `ended_at` is null.

    The same trouble after a time without it is another row: that is what makes it news again.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="notices")
    key = models.CharField(max_length=80, help_text="What it is about; open once in a company.")
    words = models.CharField(max_length=1000)
    label = models.CharField(max_length=60, help_text="Of its link.")
    url = models.CharField(max_length=300)
    colour = models.CharField(max_length=10)
    count = models.PositiveIntegerField(default=1, help_text="How many it is about; more of them is news.")
    is_lost_connection = models.BooleanField(default=False)
    admins_only = models.BooleanField(default=False)
    begun_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "key"], condition=models.Q(ended_at=None), name="notice_open_once"
            )
        ]

    def __str__(self) -> str:
        return self.words

    @classmethod
    def open_to(cls, membership: Membership) -> models.QuerySet[Notice]:
        """What needs somebody in this person's company, as far as it is for them; the worst and oldest first."""
        rows = cls.objects.filter(company_id=membership.company_id, ended_at=None)
        rows = rows if membership.is_admin else rows.filter(admins_only=False)
        return rows.order_by("-is_lost_connection", "begun_at", "id")

    def is_news_to(self, known: dict[str, int]) -> bool:
        """Is it new, or about more than was known? `known` is the count of each notice by its id."""
        return self.count > known.get(str(self.pk), 0)


class Mail(WorkRow):
    """One mail to one member, written down before it is sent; `about` makes it one however often it is asked for.

    Or to somebody who is invited: then `secret` is the token of the link, until the mail has left.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Not sent"

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, null=True, related_name="mails")
    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, null=True, related_name="mails")
    secret = EncryptedTextField(blank=True, db_default="")
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    about = models.CharField(max_length=60)
    subject = models.CharField(max_length=250)
    text = models.TextField()
    html = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    problem = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "about"], name="mail_once"),
            models.CheckConstraint(
                condition=models.Q(membership__isnull=False) ^ models.Q(invitation__isnull=False),
                name="mail_to_one_person",
            ),
            models.CheckConstraint(condition=models.Q(state__in=["waiting", "sent", "failed"]), name="mail_state"),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=models.Q(next_at__isnull=False), name="mail_due")
        ]

    def __str__(self) -> str:
        return self.subject

    @classmethod
    def at_hand(cls) -> models.QuerySet[Any]:
        return super().at_hand().select_related("membership__user", "invitation")

    @property
    def to(self) -> str:
        if self.invitation is not None:
            return self.invitation.email
        assert self.membership is not None, "mail_to_one_person"  # noqa: S101
        return self.membership.user.email

    def end(self, state: State, problem: str = "") -> None:
        """It was sent, or never will be."""
        queue.mine(self).update(
            state=state,
            problem=problem[:500],
            next_at=None,
            lease_until=None,
            failures=0,
            ended_at=Now(),
            secret="",
        )

    def again_later(self, problem: str) -> None:
        wait, failures = queue.backoff(self.failures), Least(F("failures") + 1, 1000)
        queue.mine(self).update(problem=problem[:500], next_at=Now() + wait, lease_until=None, failures=failures)
