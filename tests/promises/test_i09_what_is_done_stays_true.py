"""I9: what we call synced is in QuickBooks once, with our total; a bill of which that is no longer true says so."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounting import posting
from accounting.models import Bill, Integration
from accounting.tasks import follow_due
from companies.auditing import history
from companies.models import Company, User
from invoices import recording
from tests.quickbooks.qbo.test_backend import approved
from tests.support import work
from tests.support.emulated import REALM, IntuitEmulator

pytestmark = pytest.mark.django_db

OTHER_VENDOR = "Somebody Else Inc."
Deed = Callable[[IntuitEmulator, str], object]


def _copy(intuit: IntuitEmulator, bill_id: str, *, keep_number: bool) -> None:
    intuit.post(f"bills/{REALM}/{bill_id}/copy", {"keep_number": keep_number})


def _copy_and_delete(intuit: IntuitEmulator, bill_id: str) -> None:
    _copy(intuit, bill_id, keep_number=True)
    intuit.remove(bill_id)


# What people in QuickBooks do to our bills, and what the bill must then say.
DEEDS: dict[str, tuple[Deed, tuple[str, ...]]] = {
    "deleted": (lambda intuit, one: intuit.remove(one), ("was deleted in QuickBooks",)),
    "total up": (lambda intuit, one: intuit.change(one, total="950.09"), ("50.00 more than the 900.09",)),
    "total down": (lambda intuit, one: intuit.change(one, total="850.09"), ("50.00 less than the 900.09",)),
    "renumbered": (lambda intuit, one: intuit.change(one, doc_number=f"X-{one}"), ("The bill number is X-",)),
    "other vendor": (
        lambda intuit, one: intuit.change(one, vendor_id=intuit.entry("vendor", OTHER_VENDOR)["id"]),
        (f"The vendor is {OTHER_VENDOR} now",),
    ),
    "marker gone": (
        lambda intuit, one: intuit.change(one, private_note="see e-mail"),
        ("no longer carries inBuild's marker",),
    ),
    "copied": (lambda intuit, one: _copy(intuit, one, keep_number=False), ("a second bill with inBuild's marker",)),
    "copied, same number": (
        lambda intuit, one: _copy(intuit, one, keep_number=True),
        ("a second bill with inBuild's marker",),
    ),
    "copied and deleted": (_copy_and_delete, ("was deleted in QuickBooks", "a second bill with inBuild's marker")),
    "renumbered and raised": (
        lambda intuit, one: intuit.change(one, doc_number=f"X-{one}", total="950.09"),
        ("The bill number is X-", "50.00 more than the 900.09"),
    ),
    "deleted once paid": (lambda intuit, one: intuit.remove(one), ("was deleted in QuickBooks",)),
    "renumbered once paid": (
        lambda intuit, one: intuit.change(one, doc_number=f"X-{one}"),
        ("The bill number is X-",),
    ),
}
PAID = "paid"
OF_EACH = 2
ALONE = 10
ALONE_PAID = 3


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def post_many(company: Company, numbers: Iterable[str]) -> None:
    lines = (recording.NewLine("Steel", Decimal("1000.10"), Decimal("-100.01")),)
    for number in numbers:
        posting.release(approved(company, number, lines=lines))
    work.drain(company)


def pay_some(intuit: IntuitEmulator, numbers: Iterable[str]) -> None:
    there = {row["doc_number"]: row["id"] for row in intuit.bills()}
    for number in numbers:
        intuit.pay(there[number])


def look(company: Company) -> None:
    Integration.objects.filter(company=company).update(next_at=timezone.now() - timedelta(seconds=1))
    follow_due(company_id=company.pk)


def told_of_everything() -> None:
    """Nothing is lost: the changes come with the next look."""


def told_of_nothing() -> None:
    """Every notice is lost, and changes are asked for only from a time on after they were made."""
    Integration.objects.update(
        followed_until=timezone.now() + timedelta(days=1), compared_at=timezone.now() - timedelta(days=2)
    )


def window_missed() -> None:
    """inBuild did not look for longer than QuickBooks keeps changes."""
    long_ago = timezone.now() - timedelta(days=40)
    Integration.objects.update(followed_until=long_ago, compared_at=timezone.now() - timedelta(hours=1))


@pytest.mark.parametrize("way", [told_of_everything, told_of_nothing, window_missed])
def test_i09(
    way: Callable[[], None],
    company: Company,
    quickbooks: Integration,
    intuit: IntuitEmulator,
    accountant: User,
    as_user: Any,
    figures: Callable[[str], None],
) -> None:
    """Some bills were seen in the books before somebody laid hands on them, the others not even once."""
    intuit.post(f"lists/{REALM}/vendor", {"name": OTHER_VENDOR})
    count = OF_EACH * len(DEEDS) + ALONE
    numbers = [f"INV-{number:03}" for number in range(count)]
    plan = dict(zip(numbers, [kind for kind in DEEDS for _ in range(OF_EACH)], strict=False))
    paid = {number for number in numbers if PAID in plan.get(number, "")} | set(numbers[-ALONE_PAID:])
    for half in (numbers[::2], numbers[1::2]):
        if Bill.objects.exists():
            look(company)
        post_many(company, half)
        pay_some(intuit, paid.intersection(half))
    there = {row["doc_number"]: row["id"] for row in intuit.bills()}
    assert sorted(there) == numbers
    for number, kind in plan.items():
        DEEDS[kind][0](intuit, there[number])
    way()
    look(company)

    client = as_user(accountant)
    ledger = {row["id"]: row for row in intuit.get("ledger", realm=REALM)["bills"]}
    injected: Counter[str] = Counter()
    reported: Counter[str] = Counter()
    missed, false_alarms = [], []
    for bill in Bill.objects.filter(company=company).select_related("invoice__vendor"):
        page = html.unescape(client.get(f"/invoices/{bill.invoice.public_id}/").content.decode())
        is_said = bill.books_words and " ".join(bill.books_words.split()) in " ".join(page.split())
        kind = plan.get(bill.invoice.number, "")
        assert bool(kind) == (not is_as_posted(bill, ledger)), f"the emulator did not do what the test asked: {kind}"
        if not kind:
            false_alarms += [bill] if bill.books_words or re.search(r"(Changed|Deleted|Copied) in QuickB", page) else []
            continue
        injected[kind] += 1
        if (
            is_said
            and all(words in bill.books_words for words in DEEDS[kind][1])
            and bill.get_books_state_display() in page
        ):
            reported[kind] += 1
        else:
            missed.append((kind, bill.invoice.number, bill.books_state, bill.books_words))
    kinds = ", ".join(f"{kind} {number}" for kind, number in injected.items())
    figures(
        f"bills {count} · differences injected {injected.total()} ({kinds}) · reported {reported.total()} · "
        f"left alone {ALONE}, false alarms {len(false_alarms)}"
    )
    assert missed == []
    assert false_alarms == []
    assert reported == injected == Counter({kind: OF_EACH for kind in DEEDS})


def is_as_posted(bill: Bill, ledger: Mapping[str, Mapping[str, Any]]) -> bool:
    """By the emulator's ledger and the invoice alone: is the bill there, once, and as the invoice says?"""
    there = ledger[str(bill.external_id)]
    carrying = [row for row in ledger.values() if bill.marker in row["private_note"] and not row["deleted"]]
    wanted = (bill.invoice.number, f"{bill.invoice.amount_due}", bill.invoice.vendor.name)
    return carrying == [there] and (there["doc_number"], there["total"], there["vendor_name"]) == wanted


@pytest.mark.parametrize("way", [told_of_everything, told_of_nothing, window_missed])
def test_i09_what_is_found_again_is_said_once(
    way: Callable[[], None],
    company: Company,
    quickbooks: Integration,
    intuit: IntuitEmulator,
    figures: Callable[[str], None],
) -> None:
    post_many(company, ["INV-1"])
    look(company)
    [there] = intuit.bills()
    intuit.remove(there["id"])
    for _ in range(3):
        way()
        look(company)
    bill = Bill.objects.get(company=company)
    told = [event.sentence for event in history(bill) if event.verb == "bill.in_books"]
    figures(f"deleted 1 · looks 3 · reported in the audit trail {len(told)}")
    assert bill.books_state == "deleted"
    assert told == ["This bill of 900.09 was deleted in QuickBooks."]
