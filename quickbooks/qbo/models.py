"""The sign-in of one QuickBooks Online company, and sign-ins under way."""

from __future__ import annotations

from django.db import models

from accounting.models import Integration
from companies.models import Company, User
from inbuild.fields import EncryptedTextField


class Token(models.Model):
    """The token pair of one integration. The refresh token rotates; `generation` counts the pairs."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.OneToOneField(Integration, on_delete=models.CASCADE, related_name="qbo_token")
    access_token = EncryptedTextField()
    refresh_token = EncryptedTextField()
    previous_refresh_token = EncryptedTextField(blank=True)
    access_expires_at = models.DateTimeField()
    refresh_expires_at = models.DateTimeField(null=True, help_text="When it ends unless it is used before.")
    hard_expires_at = models.DateTimeField(null=True, help_text="When it ends however often it is renewed.")
    generation = models.PositiveIntegerField(default=1)
    refreshing_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Token {self.generation} of {self.integration}"


class OAuthState(models.Model):
    """One press of *Connect*: single use, ten minutes, bound to the person, company and browser session."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    state_sha256 = models.CharField(max_length=64, unique=True)
    session_sha256 = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Connecting {self.company}"
