"""What may be asked with, what a search finds, and who may ask."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from companies.models import Company, OutsideCall, Role, User
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject
from tests.conftest import person
from tests.procore_sync.why.given import heard_of, link, made, posted, words
from tests.support import connected, emulated
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db


# --- searching -------------------------------------------------------------------------------------------------------
def test_a_vendor_with_several_invoices_gives_a_list_to_choose_from(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, as_user: Any, admin: User, ask: Any
) -> None:
    record, _, _ = posted(switched_on, procore)
    waiting = made(procore, commitment_id=record["commitment_id"])
    heard_of(switched_on, waiting)
    told = ask(record["vendor_name"])
    assert "Which one do you mean?" in told
    assert record["invoice_number"] in told
    assert f"{waiting['invoice_number']}" in told
    assert "Under Review, not imported" in told
    page = as_user(admin).get("/procore/why/", {"q": record["vendor_name"]}).content.decode()
    addresses = re.findall(r'href="(/procore/why/\?[^"]+)"', page)
    assert len(addresses) == 2
    for address in addresses:
        answer = as_user(admin).get(html.unescape(address))
        assert "From Procore to QuickBooks" in answer.content.decode()


def test_the_invoices_tab_of_a_commitment_lists_what_procore_has_there(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, ask: Any
) -> None:
    record = made(procore)
    tab = (
        f"{procore.url}/webclients/host/companies/{emulated.COMPANY_ID}/projects/{record['project_id']}/tools/contracts/"
        f"commitments/work_order_contracts/{record['commitment_id']}/invoices"
    )
    told = ask(tab)
    assert record["invoice_number"] in told


def test_a_link_of_another_company_of_procores_is_said_so_and_nothing_is_fetched(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, ask: Any
) -> None:
    record = made(procore)
    before = calls()
    told = ask(
        f"{procore.url}/webclients/host/companies/{emulated.OTHER_COMPANY_ID}/projects/{record['project_id']}/tools/"
        f"contracts/commitments/work_order_contracts/{record['commitment_id']}/invoices/{record['id']}"
    )
    assert f"another company in Procore (id {emulated.OTHER_COMPANY_ID})" in told
    told = ask(link(record, procore).replace(procore.url, "https://app.procore.com"))
    assert "another company in Procore" in told
    assert calls() == before


def calls() -> int:

    return OutsideCall.objects.filter(provider="procore").count()


def test_nothing_found_says_what_was_searched_and_offers_to_compare(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, admin: User, viewer: User, as_user: Any, ask: Any
) -> None:
    told = ask("NO-SUCH-NUMBER")
    assert "Procore was asked for direct costs with this number in 6 of 6 projects, and has none." in told
    assert "cannot be asked for a subcontractor invoice by its number" in told
    assert "Compare with Procore now" in told
    ProcoreProject.objects.update(compare_due_at=None)
    assert as_user(viewer).post("/procore/why/compare/", {"q": "x"}).status_code == 403
    assert not ProcoreProject.objects.exclude(compare_due_at=None).exists()
    assert as_user(admin).post("/procore/why/compare/", {"q": "x"}).status_code == 302
    assert not ProcoreProject.objects.filter(compare_due_at=None).exists()


def test_odd_questions_are_answered(switched_on: ProcoreIntegration, procore: ProcoreEmulator, ask: Any) -> None:
    ask("")
    for text in ("\x00", "%", "' OR 1=1 --", "9" * 400, "https://", "https://[", "🏗", "x" * 5000):
        ask(text)
    for given in ({"invoice": "x"}, {"id": "x"}, {"id": "1", "project": "1", "kind": "x"}, {"id": "9" * 30}):
        ask(status=404, **given)


# --- people and companies --------------------------------------------------------------------------------------------
def test_every_role_may_ask_and_a_stranger_may_not(
    procore_integration: ProcoreIntegration, viewer: User, accountant: User, ask: Any, client: Any
) -> None:
    for user in (viewer, accountant):
        assert "is neither Procore, QuickBooks nor inBuild" in ask("https://example.com/x", user=user)
    assert client.get("/procore/why/").status_code == 302


def test_one_person_may_ask_thirty_times_a_minute(company: Company, admin: User, viewer: User, as_user: Any) -> None:
    client = as_user(admin)
    for _ in range(30):
        assert client.get("/procore/why/", {"q": "https://example.com/x"}).status_code == 200
    answer = client.get("/procore/why/", {"q": "https://example.com/x"})
    assert answer.status_code == 429
    assert "please wait a minute" in words(answer.content.decode())
    assert client.get("/procore/why/").status_code == 200
    assert as_user(viewer).get("/procore/why/", {"q": "https://example.com/x"}).status_code == 200


def test_companies_that_share_a_number_see_only_their_own(
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    other_company: Company,
    ask: Any,
) -> None:
    record, row, bill = posted(switched_on, procore)
    their_admin = person(other_company, "their-admin@ridgeline.example", Role.ADMIN)
    theirs = connected.procore(
        other_company,
        their_admin,
        emulated.OTHER_COMPANY_ID,
        (emulated.OTHER_CLIENT_ID, emulated.OTHER_CLIENT_SECRET),
    )
    twin = ProcoreInvoice.hint(theirs, kind="subcontractor_invoice", procore_id=4711, project_id=1)
    twin.remember(number=record["invoice_number"], vendor_name="Their own vendor", reason="x", gate="status")
    for text in (
        record["invoice_number"],
        link(record, procore),
        f"http://testserver/invoices/{bill.invoice.public_id}/",
        f"{intuit.url}/app/bill?txnId={bill.external_id}",
        record["vendor_name"],
    ):
        told = ask(text, user=their_admin)
        assert record["vendor_name"] not in told.replace(text, "")
        assert str(row.approved_by) not in told
        assert "It is in QuickBooks" not in told
    ask(user=their_admin, status=404, invoice=str(bill.invoice.public_id))
    told = ask(record["invoice_number"])
    assert "Their own vendor" not in told
