"""The vendor of a bill in QuickBooks Online: mapped, found by its exact name, or created."""

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


def ensure(company: gateway.Company, integration: Integration, vendor: Vendor) -> ListEntry:
    """The vendor's list entry. Raises Fault (6240 when a customer or employee has the name) or OutsideError."""
    known = mapping.vendor_entry(integration, vendor)
    if known is not None:
        return known
    found = _by_name(company, vendor) or _created(company, integration, vendor)
    return mapping.map_vendor(
        integration, vendor, external_id=str(found["Id"]), name=str(found.get("DisplayName") or vendor.name)
    )


def display_name(name: str) -> str:
    """Intuit: DisplayName takes no colon, tab or line break, and at most 500 characters."""
    return re.sub(r"\s+", " ", name.replace(":", "-")).strip()[:500]


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
