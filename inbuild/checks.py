"""Start-up checks: one sentence that names the wrong setting."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

INTUIT_LIMIT_SECONDS = 120  # Intuit: one request times out after 120 s.


@register()
def times_fit_together(**_: Any) -> list[CheckMessage]:
    """A bill in doubt may be looked up only when neither our sender nor Intuit can still be at it."""
    found: list[CheckMessage] = []
    if settings.QBO_LEASE_SECONDS <= settings.QBO_QUARANTINE_SECONDS:
        found.append(Error("QBO_LEASE_SECONDS must be greater than QBO_QUARANTINE_SECONDS.", id="inbuild.E001"))
    if settings.QBO_QUARANTINE_SECONDS <= settings.QBO_TIMEOUT_SECONDS:
        found.append(Error("QBO_QUARANTINE_SECONDS must be greater than QBO_TIMEOUT_SECONDS.", id="inbuild.E002"))
    if settings.PRODUCTION and settings.QBO_QUARANTINE_SECONDS <= INTUIT_LIMIT_SECONDS:
        found.append(Error("QBO_QUARANTINE_SECONDS must be greater than Intuit's 120 s.", id="inbuild.E003"))
    if settings.PROCORE_LEASE_SECONDS <= settings.PROCORE_QUARANTINE_SECONDS:
        found.append(Error("PROCORE_LEASE_SECONDS must be greater than PROCORE_QUARANTINE_SECONDS.", id="inbuild.E004"))
    return found


@register(deploy=True)
def apps_are_known(**_: Any) -> list[CheckMessage]:
    if settings.QBO_CLIENT_ID and settings.QBO_CLIENT_SECRET:
        return []
    return [
        Warning("QBO_CLIENT_ID and QBO_CLIENT_SECRET are not set: nobody can connect QuickBooks.", id="inbuild.W001")
    ]
