"""I15: a failure reaches a person as a plain sentence with one button, and pressing the button again harms nothing."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, Resolver404, resolve

from accounting import posting
from accounting.models import Bill, BillChange, Integration
from accounting.presenting import action_url
from accounting.problems import CATALOGUE, DUPLICATE, MAPPING, sentence
from accounting.tasks import post_due
from companies.auditing import history
from companies.models import Company, User
from tests.quickbooks.qbo.test_backend import approved
from tests.support import work
from tests.support.emulated import IntuitEmulator
from tests.support.stopped import CREATE, NOT_PRODUCED, PRODUCED, Scene

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


# A change in doubt settles itself: its card has no button, and the bill stays in the books as it is.
WITHOUT_BUTTON = {"change_in_doubt"}
CODE = re.compile(r"\(\d+\)|\b\d{4,}\b(?!\.)|[a-z]_[a-z]|HTTP|Fault|\bId\b|\bNone\b|[{}…\[\]]|[0-9a-f]{12}")


@pytest.fixture
def scene(
    company: Company,
    quickbooks: Integration,
    intuit: IntuitEmulator,
    admin: User,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    return Scene(company, quickbooks, intuit, admin, settings, monkeypatch)


def test_i15_every_entry_is_there_with_its_sentence_and_its_button(
    scene: Scene, figures: Callable[[str], None]
) -> None:
    """By the catalogue alone; that each is really shown so is seen below, where each is produced."""
    bill = posting.release(approved(scene.company))
    good = [code for code, entry in CATALOGUE.items() if entry.sentence and entry.button and _leads_on(bill, code)]
    figures(
        f"entries {len(CATALOGUE)} · with sentence and button {len(good)} · produced below {len(PRODUCED)} · "
        f"cannot be produced {len(NOT_PRODUCED)}"
    )
    assert sorted(good) == sorted(CATALOGUE)
    assert sorted([*PRODUCED, *NOT_PRODUCED]) == sorted(CATALOGUE)


def _leads_on(bill: Bill, code: str) -> bool:
    entry = CATALOGUE[code]
    try:
        addresses = [action_url(bill, action) for action in (entry.action, *(action for _, action in entry.choices))]
        return all(resolve(address.partition("?")[0]) for address in addresses)
    except (NoReverseMatch, Resolver404):
        return False


@pytest.mark.parametrize("code", PRODUCED)
def test_i15_produced(code: str, scene: Scene, accountant: User, as_user: Any, figures: Callable[[str], None]) -> None:
    produce, names = PRODUCED[code]
    bill = produce(scene)
    change = BillChange.latest(bill)
    told = change if change and change.state != BillChange.State.DONE else bill
    assert told.problem == code
    words = sentence(code, told.problem_detail)
    client = as_user(accountant)
    card = _card(client, bill)
    assert words in card
    assert [name for name in names if name not in words] == []
    assert words[0].isupper() or words.startswith("inBuild")
    assert words.endswith(".")
    plain = words.replace(str(told.problem_detail.get("reference", "")), "") if code == "bug" else words
    plain = re.sub(r"[A-Z][a-z]{2} \d\d, \d{4}", "", plain)
    assert not CODE.search(plain), f"a code in: {words}"
    shown = _press(client, bill, code, card, is_change=told is change)
    figures(f"{shown:24} {words}")


def _card(client: Client, bill: Bill) -> str:
    page = client.get(f"/invoices/{bill.invoice.public_id}/").content.decode()
    found = re.search(r'<section class="card"\s+id="bill-card".*?</section>', page, re.S)
    assert found
    return html.unescape(" ".join(found[0].split()))


def _press(client: Client, bill: Bill, code: str, card: str, *, is_change: bool) -> str:
    """The one button leads to a page that is there, or asks for a deed that is done. Returns what stands on it."""
    if code in WITHOUT_BUTTON:
        return "(by itself)"
    if is_change:
        action = CATALOGUE[code].action
        again_url = f"/settings/accounting/bills/{bill.invoice.public_id}/change/again/"
        again_url = action_url(bill, action) if action in ("keep", "check") else again_url
        assert card.count(f'action="{again_url}"') == 1
        page = client.post(again_url, follow=True)
        label = CATALOGUE[code].button
        assert f">{label}</button>" in card
    else:
        primary = re.findall(r'<(?:a|button)[^>]*class="btn btn-primary"[^>]*>([^<]+)<', card)
        assert len(primary) == 1, primary
        [label] = primary
        action = CATALOGUE[code].action
        address = action_url(bill, action)
        is_link = action in (DUPLICATE, MAPPING) or ":" in action
        assert f'{"href" if is_link else "action"}="{address}"' in card
        page = client.get(address) if is_link else client.post(address, follow=True)
    assert "…" not in label
    assert page.status_code == 200
    assert "Nothing to do" not in page.content.decode()
    return f"[{label}]"


# --- pressed ten times ------------------------------------------------------------------------------------------------
PRESSES = 10


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("honoured", ["honoured", "ignored"])
@pytest.mark.parametrize("ended", ["refused", "made, no answer", "not made, no answer"])
def test_i15_ten_presses_from_two_sessions_make_one_bill(
    ended: str, honoured: str, scene: Scene, accountant: User, figures: Callable[[str], None]
) -> None:
    """Each press is followed by a worker that rings, so that pressing and sending really meet."""
    scene.wait_long()
    scene.intuit.switches(requestid=honoured, max_lines=1 if ended == "refused" else 0)
    if ended != "refused":
        scene.intuit.fault("drop_after_commit" if ended.startswith("made") else "drop", **CREATE, times=1)
    bill = scene.post()
    assert (bill.state, bill.problem) == (("failed", "refused") if ended == "refused" else ("checking", "no_answer"))
    scene.intuit.switches(max_lines=0)
    scene.settings.QBO_QUARANTINE_SECONDS = 0
    answers = pressed_together(scene, bill, accountant)
    work.drain(scene.company)
    bill.refresh_from_db()
    there = scene.intuit.bills()
    carrying = [row for row in there if bill.marker in row["private_note"]]
    retried = [event for event in history(bill) if event.verb == "bill.ready" and event.user_id]
    figures(
        f"first sending {ended}, request ids {honoured} · pressed {len(answers)} · taken up {len(retried)} · "
        f"bills {len(carrying)}, duplicates {len(there) - 1}"
    )
    assert answers == [302] * PRESSES
    assert bill.state == Bill.State.SYNCED
    assert [row["id"] for row in there] == [row["id"] for row in carrying] == [bill.external_id]
    assert len(retried) == (1 if ended == "refused" else 0)


def pressed_together(scene: Scene, bill: Bill, accountant: User) -> list[int]:
    """Half from the accountant's session, half from the admin's, all at the same moment."""
    address = action_url(bill, "retry")
    sessions = []
    for user in (accountant, scene.admin):
        client = Client()
        client.force_login(user)
        sessions.append(client.cookies)
    start, answers = threading.Barrier(PRESSES), list[int]()

    def press(number: int) -> None:
        try:
            client = Client()
            client.cookies = sessions[number % 2]
            start.wait(timeout=30)
            answers.append(client.post(address).status_code)
            post_due(company_id=scene.company.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(number,)) for number in range(PRESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return answers
