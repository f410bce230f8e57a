"""Before the switch is turned on: what the preview counts is what Procore itself holds."""

from __future__ import annotations

from typing import Any

import pytest

from accounting.models import Integration
from companies.models import User
from procore_sync.models import ProcoreIntegration, ProcoreInvoice
from tests.procore_sync.review.given import (
    SETTINGS,
    counted,
    earlier,
    shown,
    total,
)
from tests.support.emulated import REALM, IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db


def test_the_preview_counts_what_procore_itself_holds(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
    as_user: Any,
) -> None:
    ready = shown(as_user(admin), SETTINGS)
    assert "Counting: 0 of 6 projects read." in ready
    assert 'hx-trigger="every 3s"' in ready
    counted(procore_integration)
    there = earlier(procore, procore_integration)
    assert len(there) > 5
    page = shown(as_user(admin), SETTINGS)
    assert f"{len(there):,} earlier approved invoices (${total(there)}) will <strong>not</strong> come" in page
    assert page.index("will <strong>not</strong> come") < page.index('role="switch"')
    assert "Counted <time" in page
    assert 'hx-trigger="every 3s"' not in page
    names = {row["vendor_name"] for row in there}
    books = {row["display_name"].casefold() for row in intuit.get("ledger", realm=REALM)["vendors"] if row["active"]}
    unknown = [name for name in names if name.casefold() not in books]
    assert 0 < len(unknown) < len(names)
    assert f"{len(unknown)} of {len(names)} vendors of approved invoices are not known in QuickBooks yet." in page
    assert "From now on" in page


def test_the_preview_names_a_project_that_cannot_be_read(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    admin: User,
    as_user: Any,
) -> None:
    project = procore_integration.projects.order_by("id")[0]
    procore.fault("403", path="/requisitions", query=f"project_id={project.procore_id}")
    counted(procore_integration)
    page = shown(as_user(admin), SETTINGS)
    assert f"inBuild cannot read project <strong>{project}</strong>:" in page
    assert 'hx-trigger="every 3s"' not in page


def test_unknown_vendors_are_counted_once_the_list_is_known(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    from accounting import lists, mapping
    from accounting.books import Entry
    from accounting.models import ListEntry
    from invoices.models import Vendor

    for place, name in enumerate(["Known Ltd", "Mapped Inc", "New Co", "Newer Co"]):
        ProcoreInvoice.objects.create(
            company=procore_integration.company,
            integration=procore_integration,
            kind="subcontractor_invoice",
            procore_id=place,
            project_id=1,
            status="approved",
            gate="mirroring",
            vendor_name=name,
        )
    mapped = Vendor.objects.create(company=procore_integration.company, name="Mapped Inc")
    mapping.map_vendor(quickbooks, mapped, external_id="77", name="Another name there")
    # While the vendors of the books were never read, nothing is claimed about them.
    ListEntry.objects.filter(kind=ListEntry.Kind.VENDOR, mappings=None).delete()
    assert "not known in QuickBooks" not in shown(as_user(admin), SETTINGS)
    lists.store(
        quickbooks,
        ListEntry.Kind.VENDOR,
        [Entry("1", "Known Ltd"), Entry("2", "new co"), Entry("77", "Another name there")],
    )
    # QuickBooks knows a vendor whatever the case of its name.
    assert "1 of 4 vendors of approved invoices is not known in QuickBooks yet." in shown(as_user(admin), SETTINGS)
