"""Under which id another system knows the vendors of imported invoices: for a suggestion on the Mapping page.

Procore: an invoice tells its vendor's id and name alone; `origin_id` stands in the company's directory. So each new
vendor is asked for once, many at a time, after the imports, which never wait for it, or after the next sweep; and again
once a day while bills wait for its mapping, because an ERP integration may have taken it up since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from accounting import mapping
from inbuild.queue import database_now
from invoices import recording
from invoices.models import Vendor
from procore_sync import reading
from procore_sync.client import Forbidden, NotFound, Procore, ProcoreError, Refused
from procore_sync.models import ProcoreIntegration

AT_ONCE = 50
A_DAY = 500


def learn_new(company_id: int) -> None:
    """Ask about some of the vendors that nobody asked about yet."""
    integration = ProcoreIntegration.active(company_id)
    if integration is not None and integration.state == integration.State.CONNECTED:
        _learn(integration, list(_known(integration).filter(origin_asked_at=None)[:AT_ONCE]))


def learn_again(integration: ProcoreIntegration) -> None:
    """Ask about new ones and about those that bills wait for."""
    waiting = mapping.waiting_vendors(integration.company_id)
    _learn(integration, list(_known(integration).filter(Q(origin_asked_at=None) | Q(pk__in=waiting))[:A_DAY]))


def _known(integration: ProcoreIntegration) -> QuerySet[Vendor]:
    rows = Vendor.objects.filter(company_id=integration.company_id, procore_environment=integration.environment)
    return rows.exclude(procore_id=None).order_by("pk")


def _learn(integration: ProcoreIntegration, vendors: Sequence[Vendor]) -> None:
    """A suggestion is worth no trouble: what Procore does not answer now is asked for another time."""
    procore = Procore(integration, "vendors", urgent=False)
    for start in range(0, len(vendors), AT_ONCE):
        some = vendors[start : start + AT_ONCE]
        try:
            listed = procore.vendors([vendor.procore_id for vendor in some if vendor.procore_id is not None])
        except (Forbidden, NotFound, Refused):
            # It would be refused after every import.
            recording.know_origins(vendors, at=database_now())
            return
        except ProcoreError:
            return
        found = {row.get("id"): row for row in listed}
        for vendor in some:
            vendor.origin_id = _origin_id(vendor, found.get(vendor.procore_id, {}))
        recording.know_origins(some, at=database_now())


def _origin_id(vendor: Vendor, row: Mapping[str, Any]) -> str:
    """Only of a row that also has its name: an invoice may carry an id of the project's directory, whose ids differ
    from the company's in some companies."""
    names = {reading.text(row.get(name))[:255].casefold() for name in ("name", "company")}
    return reading.origin_id(row.get("origin_id")) if vendor.name.casefold() in names else ""
