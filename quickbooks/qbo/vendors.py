"""A vendor that is not mapped yet: found in QuickBooks Online by its exact name, or created where that is allowed."""

from __future__ import annotations

import re
import uuid
from typing import Any

import simplejson

from accounting import mapping
from accounting.models import Integration, ListEntry
from invoices.models import Vendor
from qbo import gateway
from qbo.faults import Fault

NAME_TAKEN = "6240"


def find(company: gateway.Company, integration: Integration, vendor: Vendor) -> ListEntry | None:
    """Map the vendor of exactly this name; create it where the company's setting says so; else None.

    Raises Fault (6240 when a customer or employee has the name) or OutsideError.
    """
    found = _by_name(company, vendor)
    if found is None and integration.creates_vendors:
        found = _created(company, integration, vendor)
    return _map(integration, vendor, found) if found is not None else None


def create(company: gateway.Company, integration: Integration, vendor: Vendor) -> ListEntry:
    """A person chose to create it. One of exactly this name is used if it is there. Raises like `find`."""
    found = _by_name(company, vendor) or _created(company, integration, vendor)
    return _map(integration, vendor, found)


def display_name(name: str) -> str:
    """Intuit: DisplayName takes no colon, tab or line break, and at most 500 characters."""
    return re.sub(r"\s+", " ", name.replace(":", "-")).strip()[:500]


def _map(integration: Integration, vendor: Vendor, found: Any) -> ListEntry:
    return mapping.map_vendor(
        integration,
        vendor,
        external_id=str(found["Id"]),
        name=str(found.get("DisplayName") or vendor.name),
        currency=str((found.get("CurrencyRef") or {}).get("value") or ""),
    )


def _by_name(company: gateway.Company, vendor: Vendor) -> Any | None:
    where = f"WHERE DisplayName = {gateway.quoted(display_name(vendor.name))}"
    return next(iter(company.query("Vendor", where)), None)


def _created(company: gateway.Company, integration: Integration, vendor: Vendor) -> Any:
    name = display_name(vendor.name)
    document = simplejson.dumps({"DisplayName": name, "CompanyName": name[:100]}).encode("ascii")
    key = uuid.uuid5(uuid.NAMESPACE_URL, f"inbuild:{integration.pk}:vendor:{vendor.pk}:{name}").hex
    try:
        return company.create("Vendor", document, key)
    except Fault as fault:
        # Our own creation of a moment ago may have gone through without an answer.
        found = _by_name(company, vendor) if NAME_TAKEN in fault.codes else None
        if found is None:
            raise
        return found
