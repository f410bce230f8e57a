"""The lists of QuickBooks Online as we keep them: all of them, inactive ones too."""

from __future__ import annotations

import pytest

from accounting import lists
from accounting.models import Integration, ListEntry
from tests.support import work
from tests.support.emulated import REALM, IntuitEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


NAMES = {
    "vendor": "vendor",
    "account": "account",
    "item": "item",
    "customer": "customer",
    "class": "class",
    "term": "term",
    "location": "department",
}


def test_every_list_is_read_whole(quickbooks: Integration, intuit: IntuitEmulator) -> None:
    for kind, theirs in NAMES.items():
        known = {row.external_id: row.active for row in ListEntry.objects.filter(integration=quickbooks, kind=kind)}
        assert known == {str(entry["id"]): entry["active"] for entry in intuit.entries(theirs)}, kind
        assert known, kind
    quickbooks.refresh_from_db()
    assert quickbooks.lists_read_at is not None


def test_a_sub_customer_carries_its_full_name(quickbooks: Integration) -> None:
    names = ListEntry.objects.filter(integration=quickbooks, kind="customer").values_list("name", flat=True)
    assert any(":" in name for name in names)


def test_an_item_without_an_expense_account_is_not_usable(quickbooks: Integration, intuit: IntuitEmulator) -> None:
    usable = {str(entry["id"]): "ExpenseAccountRef" in entry["body"] for entry in intuit.entries("item")}
    known = ListEntry.objects.filter(integration=quickbooks, kind="item").values_list("external_id", "is_usable")
    assert dict(known) == usable
    assert set(usable.values()) == {True, False}


def test_what_is_inactivated_stays_and_is_marked(quickbooks: Integration, intuit: IntuitEmulator) -> None:
    entry = intuit.entries("class")[0]
    intuit.change_entry("class", entry["id"], active=False)
    lists.refresh(quickbooks)
    assert not ListEntry.objects.get(integration=quickbooks, kind="class", external_id=entry["id"]).active
    intuit.change_entry("class", entry["id"], active=True)
    lists.refresh(quickbooks)
    assert ListEntry.objects.get(integration=quickbooks, kind="class", external_id=entry["id"]).active


def test_a_list_that_the_plan_leaves_out_is_empty_and_no_error(quickbooks: Integration, intuit: IntuitEmulator) -> None:
    body = {"Fault": {"Error": [{"Message": "No", "Detail": "Feature not supported", "code": "5020"}], "type": "x"}}
    from qbo import lists as theirs
    from qbo.faults import read

    class Plan:
        def query(self, entity: str, where: str) -> object:
            fault = read(400, body, {})
            assert fault
            if entity == "Class":
                raise fault
            return iter(())

    assert theirs.read(Plan())[ListEntry.Kind.CLASS] == []  # type: ignore[arg-type]


def test_a_vendor_made_while_the_lists_are_read_is_not_taken_for_gone(
    quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    ListEntry.objects.create(
        company_id=quickbooks.company_id, integration=quickbooks, kind="vendor", external_id="new", name="New"
    )
    lists.store(quickbooks, ListEntry.Kind.VENDOR, [], read_from=timezone.now() - timedelta(seconds=5))
    assert ListEntry.objects.get(integration=quickbooks, external_id="new").active
    lists.store(quickbooks, ListEntry.Kind.VENDOR, [], read_from=timezone.now() + timedelta(seconds=5))
    assert not ListEntry.objects.get(integration=quickbooks, external_id="new").active


def test_one_reading_takes_one_question_a_list(quickbooks: Integration, intuit: IntuitEmulator) -> None:
    before = intuit.traffic()[REALM]["calls"]
    lists.refresh(quickbooks)
    assert intuit.traffic()[REALM]["calls"] - before == len(NAMES)
