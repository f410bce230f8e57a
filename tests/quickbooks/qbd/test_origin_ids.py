"""What Procore's connector to QuickBooks Desktop keeps, the ListID, is suggested for a company file too."""

from __future__ import annotations

from typing import Any

import pytest

from accounting.models import Bill, Integration, ListEntry, Mapping
from companies.models import User
from invoices.models import CostCode, Project, Vendor
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration, ProcoreInvoice
from tests.quickbooks.qbd.conftest import Pc
from tests.support import work
from tests.support.emulated import ProcoreEmulator

pytestmark = pytest.mark.django_db(transaction=True)
REASON = "Same id in Procore"


def some(pc: Pc, kind: str) -> ListEntry:
    found = ListEntry.objects.filter(integration=pc.integration, kind=kind, active=True, is_usable=True)
    return found.order_by("pk")[1]


def test_vendor_project_and_cost_code_are_suggested_by_their_list_ids_and_wait_for_a_person(
    pc: Pc,
    procore_integration: ProcoreIntegration,
    procore: ProcoreEmulator,
    admin: User,
    accountant: User,
    as_user: Any,
) -> None:
    Integration.objects.update(creates_vendors=False, project_use="required", expense_account=None)
    mirroring.set_to(procore_integration, True, user=admin)
    theirs = {"vendors": some(pc, "vendor"), "projects": some(pc, "customer"), "codes": some(pc, "account")}
    made = procore.create_direct_cost(lines=1)
    project_id, vendor_id = made["project_id"], made["vendor_id"]
    job = theirs["projects"].external_id
    procore.patch(f"vendors/{vendor_id}", {"name": "Zenith 47", "origin_id": theirs["vendors"].external_id})
    procore.change_project(project_id, name="Zenith Tower", project_number="Z-47", origin_id=job)
    for code in procore.get("objects/cost_code", project_id=project_id):
        of_both = f"{job}|{theirs['codes'].external_id}"
        procore.patch(f"projects/{project_id}/cost_codes/{code['id']}", {"origin_id": of_both})
    procore_integration.check_soon()
    work.check(procore_integration)
    procore.approve_direct_cost(made["id"])
    ProcoreInvoice.hint(procore_integration, kind="direct_cost", procore_id=made["id"], project_id=project_id)
    work.drain(procore_integration.company)

    ours = {
        "vendors": f"vendor:{Vendor.objects.get().pk}",
        "projects": f"customer:{Project.objects.get(procore_id=project_id).pk}",
        "codes": f"account:{CostCode.objects.get().pk}",
    }
    client = as_user(accountant)
    for tab, key in ours.items():
        page = client.get(f"/settings/accounting/mapping/?tab={tab}&focus={key}").content.decode()
        assert f'value="{key}={theirs[tab].pk}"' in page, tab
        assert REASON in page
    pc.call()
    assert Bill.objects.get().state == Bill.State.NEEDS_MAPPING
    assert not Mapping.objects.exists()
    assert pc.desktop.bills() == []
    for tab, key in ours.items():
        client.post(f"/settings/accounting/mapping/save/?tab={tab}", {"confirm": f"{key}={theirs[tab].pk}"})
    pc.call()
    [bill] = pc.desktop.bills()
    assert bill["vendor_id"] == theirs["vendors"].external_id
