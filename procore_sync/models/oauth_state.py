"""Sign-ins of Procore users under way."""

from __future__ import annotations

from django.db import models

from companies.models import Company, User


class OAuthState(models.Model):
    """One press of *Connect with your Procore user*: single use, ten minutes, bound to the person, company and browser
    session."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    procore_company_id = models.BigIntegerField()
    state_sha256 = models.CharField(max_length=64, unique=True)
    session_sha256 = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Connecting {self.company} to Procore"
