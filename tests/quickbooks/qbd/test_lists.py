"""The lists of a company file, however long they are: page by page, each entry once, in one session."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from accounting.models import Integration, ListEntry
from qbd import qbxml, queries
from qbd.models import Exchange, Session
from tests.quickbooks.qbd.conftest import Pc

pytestmark = pytest.mark.django_db(transaction=True)

LONG = ("Vendor", "Customer")
KINDS = {
    ListEntry.Kind.VENDOR: ("Vendor",),
    ListEntry.Kind.ACCOUNT: ("Account",),
    ListEntry.Kind.ITEM: ("ItemService", "ItemNonInventory"),
    ListEntry.Kind.CUSTOMER: ("Customer",),
    ListEntry.Kind.CLASS: ("Class",),
    ListEntry.Kind.TERM: ("StandardTerms",),
}


@pytest.fixture
def pc_of_short_pages(pc: Pc, monkeypatch: pytest.MonkeyPatch) -> Pc:
    monkeypatch.setattr(queries, "LIST_PAGE", 3)
    for number in range(7):
        pc.desktop.add_entry("Vendor", f"Supplier {number}")
    Integration.objects.update(lists_read_at=None)
    return pc


def _is_all_here(pc: Pc) -> None:
    for ours, theirs in KINDS.items():
        entries = [entry for kind in theirs for entry in pc.desktop.entries(kind)]
        there = {entry["id"] for entry in entries if entry["active"] and not entry["deleted"]}
        here = ListEntry.objects.filter(integration=pc.integration, kind=ours, active=True)
        assert there
        assert set(here.values_list("external_id", flat=True)) == there
        came = [ret.findtext("ListID") for kind, ret in _came(pc.session()) if kind == f"{queries.LISTS[ours]}Query"]
        assert len(came) == len(set(came)) >= len(there)


def _exchanges(session: Session) -> list[Exchange]:
    return list(session.exchanges.filter(about="questions").order_by("id"))


def _came(session: Session) -> Iterator[tuple[str, qbxml.Element]]:
    """Every object that was brought in the session, with the kind of the question it answers."""
    for exchange in _exchanges(session):
        for response in qbxml.read(exchange.received).responses:
            yield from ((response.kind, ret) for ret in response.rets)


def _next_pages(session: Session, question: str) -> list[str]:
    """The iterators that were asked for more of it, in their order."""
    more = re.compile(rf'<{question}Rq\b[^>]*iterator="Continue"[^>]*>')
    tags = [tag for exchange in _exchanges(session) for tag in more.findall(exchange.sent)]
    return [found[1] for tag in tags if (found := re.search(r'iteratorID="([^"]+)"', tag))]


def test_long_lists_are_read_page_by_page(pc_of_short_pages: Pc) -> None:
    pc = pc_of_short_pages
    assert pc.look_again()["outcome"] in ("done", "nothing")
    for kind in LONG:
        asked = _next_pages(pc.session(), f"{kind}Query")
        assert len(asked) > 1
        assert len(set(asked)) == 1  # one list, one iterator
    _is_all_here(pc)


def test_a_list_that_broke_off_is_read_from_its_beginning(pc_of_short_pages: Pc) -> None:
    """An iterator ends with its session: what came before the break is asked for once more, and nothing is missing."""
    pc = pc_of_short_pages
    pc.desktop.cut("dies_before_quickbooks", body='iterator="Continue"', any=True, skip=1)
    assert pc.look_again()["outcome"] == "broken"
    [broken] = set(_next_pages(pc.session(), "VendorQuery"))
    assert pc.integration.lists_read_at is None
    assert pc.look_again()["outcome"] in ("done", "nothing")
    [again] = set(_next_pages(pc.session(), "VendorQuery"))
    assert again != broken
    _is_all_here(pc)
