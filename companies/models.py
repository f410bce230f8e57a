"""Who: people, companies, their roles, and what was done by whom."""

from __future__ import annotations

import uuid
import zoneinfo
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


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


class Membership(models.Model):
    """What one person may do in one company."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "user"], name="membership_once"),
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
        indexes = [models.Index(fields=["company", "object_type", "object_id", "id"], name="audit_of_object")]
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
