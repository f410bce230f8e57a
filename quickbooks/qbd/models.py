"""A company file behind a Web Connector: who may call, every session, every message set, and what was asked of it."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounting.models import Bill, BillChange, Integration
from companies.models import Company, User
from inbuild.queue import WorkRow
from invoices.models import Vendor


class Connection(models.Model):
    """One company file's Web Connector: its own address, user name and password. The file is told by its FileID."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.OneToOneField(Integration, on_delete=models.CASCADE, related_name="qbd_connection")
    key = models.CharField(max_length=40, unique=True, help_text="Stands in the address that the Web Connector calls.")
    username = models.CharField(max_length=60)
    password_sha256 = models.CharField(
        max_length=64, help_text="The password is long and random, so one hash is enough."
    )
    password_set_at = models.DateTimeField(default=timezone.now)
    wrong_passwords = models.PositiveSmallIntegerField(default=0, help_text="In a row.")
    shut_until = models.DateTimeField(
        null=True, help_text="After too many wrong passwords nobody is let in until then."
    )
    # As the last session showed it.
    first_contact_at = models.DateTimeField(null=True)
    last_contact_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    file_seen_at = models.DateTimeField(
        null=True, help_text="When our FileID was first found in the open company file."
    )
    host = models.TextField(blank=True, help_text="What QuickBooks said of itself, the company and its preferences.")
    product = models.CharField(max_length=120, blank=True)
    company_name = models.CharField(max_length=255, blank=True)
    company_file = models.CharField(max_length=500, blank=True)
    web_connector = models.CharField(max_length=40, blank=True, help_text="Its version.")
    trouble = models.CharField(
        max_length=60, blank=True, help_text="A code of `health.py`: what keeps it from working."
    )
    trouble_words = models.CharField(max_length=500, blank=True)
    interval_minutes = models.PositiveSmallIntegerField(default=10)

    def __str__(self) -> str:
        return f"Web Connector of {self.integration}"

    @property
    def file_id(self) -> str:
        return self.integration.external_id

    @property
    def expected_at(self) -> datetime | None:
        """When it should call next, if Auto-Run is ticked."""
        last = self.last_contact_at
        return last + timedelta(minutes=self.interval_minutes) if last is not None else None

    @property
    def is_overdue(self) -> bool:
        return self.expected_at is not None and self.expected_at < timezone.now()

    def set_password(self) -> str:
        """A new one, which is shown once. Whoever still types the old one is not let in."""
        password = secrets.token_urlsafe(24)
        self.password_sha256 = hashlib.sha256(password.encode()).hexdigest()
        self.password_set_at = timezone.now()
        self.wrong_passwords, self.shut_until = 0, None
        return password

    def is_password(self, given: str) -> bool:
        return constant_time_compare(hashlib.sha256(given.encode()).hexdigest(), self.password_sha256)


class Session(models.Model):
    """One run of the Web Connector, from authenticate to closeConnection."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="sessions")
    ticket_sha256 = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField(db_default=Now())
    last_call_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    is_file_ours = models.BooleanField(null=True, help_text="Is our FileID in the file that is open? Null: not known.")
    has_followed = models.BooleanField(default=False, help_text="Changes in the books were read in this session.")
    writes = models.PositiveIntegerField(default=0)
    questions = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=60, blank=True)
    words = models.CharField(max_length=500, blank=True, help_text="What the Web Connector was told last.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection"], condition=Q(ended_at=None), name="one_open_session")
        ]
        indexes = [models.Index(fields=["connection", "-started_at"], name="session_by_time")]

    def __str__(self) -> str:
        return f"Session {self.pk} of {self.connection}"

    @property
    def is_full(self) -> bool:
        """A person shall get their QuickBooks back; what is left goes with the next session."""
        full: bool = self.writes >= settings.QBD_WRITES_PER_SESSION
        return full


class Exchange(models.Model):
    """One message set: the text as it left, the answer as it came."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="exchanges")
    about = models.CharField(max_length=20, help_text="file, questions, write or clear")
    sent = models.TextField()
    sent_at = models.DateTimeField(db_default=Now())
    received = models.TextField(blank=True)
    hresult = models.CharField(max_length=40, blank=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["session", "-id"], name="exchange_by_session")]

    def __str__(self) -> str:
        return f"{self.about} of session {self.session_id}"


class Question(models.Model):
    """What we want to know of the books; asked in one session, answered in the same or in none. Asking changes nothing.

    `pages` are the answers of an iterator, one after the other.
    """

    LIFETIME = timedelta(days=2)

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=64)
    bill = models.ForeignKey(
        Bill, on_delete=models.CASCADE, null=True, related_name="+", help_text="Which waits for it."
    )
    request = models.TextField()
    asked_at = models.DateTimeField(db_default=Now())
    exchange = models.ForeignKey(Exchange, on_delete=models.SET_NULL, null=True, related_name="questions")
    iterator_id = models.CharField(max_length=60, blank=True)
    pages = models.JSONField(default=list)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration", "key"], name="question_once")]
        indexes = [models.Index(fields=["integration", "id"], condition=Q(answered_at=None), name="question_open")]

    def __str__(self) -> str:
        return f"Question {self.pk}"


class Write(models.Model):
    """Something that shall change the books: its exact text, and under which id QuickBooks remembers its answer.

    The id is made of the text, so the same text can never run twice and another can never use its id.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    message_set_id = models.CharField(max_length=23)
    text = models.TextField()
    bill = models.ForeignKey(Bill, on_delete=models.CASCADE, null=True, related_name="+")
    change = models.ForeignKey(BillChange, on_delete=models.CASCADE, null=True, related_name="+")
    creation = models.ForeignKey("VendorCreation", on_delete=models.CASCADE, null=True, related_name="+")
    exchange = models.ForeignKey(Exchange, on_delete=models.PROTECT, related_name="writes")
    sent_at = models.DateTimeField(db_default=Now())
    sendings = models.PositiveSmallIntegerField(default=1)
    answered_at = models.DateTimeField(null=True)
    is_cleared = models.BooleanField(default=False, help_text="QuickBooks no longer keeps the answer for us.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "message_set_id"], name="write_once"),
            models.CheckConstraint(
                condition=Q(bill__isnull=False, change=None, creation=None)
                | Q(bill=None, change__isnull=False, creation=None)
                | Q(bill=None, change=None, creation__isnull=False),
                name="write_of_one_thing",
            ),
        ]
        indexes = [models.Index(fields=["integration", "id"], condition=Q(answered_at=None), name="write_open")]

    def __str__(self) -> str:
        return f"Write {self.message_set_id}"


class VendorCreation(WorkRow):
    """A vendor that shall be created in the company file, because a person or the company's setting says so."""

    class State(models.TextChoices):
        WANTED = "wanted", "Wanted"
        SENT = "sent", "Sent"
        DONE = "done", "Done"
        REFUSED = "refused", "Not possible"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    key = models.UUIDField(default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WANTED)
    words = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "vendor"], name="vendor_created_once"),
            models.CheckConstraint(
                condition=Q(state__in=["wanted", "sent", "done", "refused"]), name="vendor_creation_state"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vendor} in {self.integration}"
