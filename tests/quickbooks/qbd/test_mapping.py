"""One choice on the Mapping page sends all that waited for it with the Web Connector's next call."""

from __future__ import annotations

import pytest
from django.test import Client

from accounting.models import Bill, Integration, ListEntry
from companies.models import Company
from invoices.models import Vendor
from tests.quickbooks.accounting import given
from tests.quickbooks.qbd.conftest import Pc
from tests.quickbooks.qbd.pages import PAGE, posted

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_fix_releases_every_bill_once(pc: Pc, company: Company, client: Client) -> None:
    Integration.objects.update(creates_vendors=False)
    waiting = pc.posted(company, *(given.approved(company, f"E-{number}", vendor="Unheard Of") for number in range(5)))
    [other] = pc.posted(company, given.approved(company, "S-1", vendor="Unheard Of Too"))
    assert {bill.state for bill in (*waiting, other)} == {Bill.State.NEEDS_MAPPING}
    assert pc.desktop.bills() == []
    vendor = Vendor.objects.get(name="Unheard Of")
    theirs = ListEntry.objects.filter(kind="vendor", active=True).order_by("name")[0]
    answer = posted(client, f"{PAGE}mapping/save/?tab=vendors", **{f"typed-vendor:{vendor.pk}": theirs.name})
    assert "5 waiting invoices, 5,000.00 USD, went on to QuickBooks." in answer
    given.post(company)
    for _ in range(2):
        pc.call()
    there = pc.desktop.bills()
    assert sorted(bill["doc_number"] for bill in there) == [f"E-{number}" for number in range(5)]
    assert {state for (state,) in Bill.objects.exclude(pk=other.pk).values_list("state")} == {Bill.State.SYNCED}
    other.refresh_from_db()
    assert other.state == Bill.State.NEEDS_MAPPING
