"""The setting, the choice of a commitment and the card on the invoice's page: who sees what, and who may do what."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from companies.models import AuditEvent, Company, User
from invoices.models import Invoice
from procore_sync.models import ProcoreIntegration, SentInvoice
from tests.support import outgoing as support
from tests.support import work
from tests.support.emulated import ProcoreEmulator
from tests.support.outgoing import Outgoing

pytestmark = pytest.mark.django_db

LABEL = "Send invoices made in inBuild to Procore"
SETTING = "/settings/procore/sending/"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def outgoing(procore: ProcoreEmulator, company: Company, admin: User) -> Outgoing:
    return support.prepared(procore, company, admin)


@pytest.fixture
def integration(company: Company) -> ProcoreIntegration:
    return ProcoreIntegration.objects.create(
        company=company,
        environment="production",
        procore_company_id=77,
        client_id="x",
        client_secret="y",
        state="connected",
    )


def page(client: Any, invoice: Invoice) -> str:
    answer = client.get(f"/invoices/{invoice.public_id}/")
    assert answer.status_code == 200
    return str(answer.content.decode())


def address(name: str, invoice: Invoice) -> str:
    return reverse(f"procore_sync:{name}", kwargs={"public_id": invoice.public_id})


def test_the_setting_is_off_saves_at_once_and_is_written_down(
    integration: ProcoreIntegration, admin: User, as_user: Any
) -> None:
    client = as_user(admin)
    assert not integration.sends_invoices
    assert LABEL in client.get("/settings/procore/").content.decode()
    for wanted, stored in (("on", True), ("on", True), ("off", False)):
        answer = client.post(SETTING, {"sending": wanted}, headers={"HX-Request": "true"})
        integration.refresh_from_db()
        assert integration.sends_invoices == stored
        assert f'aria-checked="{str(stored).lower()}"' in answer.content.decode()
        assert "Saved." in answer.content.decode()
    assert client.post(SETTING, {"sending": "on"}).status_code == 302  # without JavaScript
    verbs = list(AuditEvent.objects.filter(verb__startswith="sending.").order_by("id").values_list("verb", "user"))
    assert verbs == [("sending.on", admin.pk), ("sending.off", admin.pk), ("sending.on", admin.pk)]


@pytest.mark.parametrize("role", ["accountant", "viewer"])
def test_only_admins_change_the_setting(
    role: str, integration: ProcoreIntegration, request: pytest.FixtureRequest, as_user: Any
) -> None:
    client = as_user(request.getfixturevalue(role))
    assert client.post(SETTING, {"sending": "on"}).status_code == 403
    integration.refresh_from_db()
    assert not integration.sends_invoices
    shown = client.get("/settings/procore/").content.decode()
    assert "disabled" in shown.split('id="sending-switch"')[1].split(">")[0]
    assert "Only company admins can change this setting." in shown


def test_an_accountant_sends_one_by_the_form(outgoing: Outgoing, accountant: User, as_user: Any) -> None:
    invoice, client = outgoing.invoice(), as_user(accountant)
    assert address("send", invoice) in page(client, invoice)
    form = client.get(address("send", invoice)).content.decode()
    own, other = (str(contract["number"]) for contract in outgoing.contracts)
    assert form.index(f"With {outgoing.vendor_name}") < form.index(own) < form.index(other)
    assert client.post(address("send", invoice), {"commitment": ""}).status_code == 422
    assert client.post(address("send", invoice), {"commitment": "12"}).status_code == 422
    for _ in range(2):  # a double click
        answer = client.post(address("send", invoice), {"commitment": str(outgoing.contract["id"])}, follow=True)
        assert answer.redirect_chain[-1][0] == f"/invoices/{invoice.public_id}/"
    assert "on its way to Procore already" in answer.content.decode()
    sent = outgoing.go_on(SentInvoice.objects.get())
    assert len(outgoing.there()) == 1
    assert sent.by == accountant
    shown = page(client, invoice)
    assert "Under Review" in shown
    assert f"requisitions/{sent.procore_id}" in shown
    assert "Approved in Procore, not here." in shown
    assert reverse("invoices:approve", kwargs={"public_id": invoice.public_id}) not in shown


def test_a_commitment_that_is_not_approved_cannot_be_chosen(outgoing: Outgoing, as_user: Any) -> None:
    invoice = outgoing.invoice()
    drafts = [one for one in outgoing.procore.get("objects/commitment") if one["status"] != "Approved"]
    elsewhere = [
        one
        for one in outgoing.procore.get("objects/commitment")
        if one["project_id"] != outgoing.contract["project_id"]
    ]
    for one in [*drafts[:1], *elsewhere[:1]]:
        answer = as_user(outgoing.user).post(address("send", invoice), {"commitment": str(one["id"])})
        assert answer.status_code == 422
    assert not SentInvoice.objects.exists()


@pytest.mark.parametrize("fault", ["500", "drop", "garbage", "403"])
def test_procore_down_is_a_sentence(fault: str, outgoing: Outgoing, as_user: Any) -> None:
    invoice = outgoing.invoice()
    outgoing.procore.fault(fault, method="GET", path="_order_contracts", times=None)
    client = as_user(outgoing.user)
    shown = client.get(address("send", invoice))
    assert shown.status_code == 200
    assert "Nothing was sent. Try again in a moment." in shown.content.decode()
    answer = client.post(address("send", invoice), {"commitment": str(outgoing.contract["id"])})
    assert answer.status_code == 409
    assert not SentInvoice.objects.exists()


def test_a_project_with_one_tool_switched_off_still_offers_the_other(outgoing: Outgoing, as_user: Any) -> None:
    invoice = outgoing.invoice()
    other = "work_order" if "Purchase" in outgoing.contract["type"] else "purchase_order"
    outgoing.procore.fault("404", method="GET", path=f"{other}_contracts", times=None)
    assert str(outgoing.contract["id"]) in as_user(outgoing.user).get(address("send", invoice)).content.decode()


def test_viewers_see_the_card_greyed_out_with_the_reason(outgoing: Outgoing, viewer: User, as_user: Any) -> None:
    invoice, client = outgoing.invoice(), as_user(viewer)
    shown = page(client, invoice)
    button = shown.split('id="sent-card"')[1].split("<button")[1].split(">")[0]
    assert "disabled" in button
    assert "Viewers can look at invoices but not change them." in shown.split('id="sent-card"')[1]
    for name in ("send", "send_again"):
        assert client.post(address(name, invoice), {"commitment": str(outgoing.contract["id"])}).status_code == 403
    assert client.get(address("send", invoice)).status_code == 403
    assert not SentInvoice.objects.exists()


def test_the_card_says_why_an_invoice_cannot_go(outgoing: Outgoing, as_user: Any) -> None:
    invoice, client = outgoing.invoice(), as_user(outgoing.user)
    Invoice.objects.update(project=None)
    assert "no project that inBuild knows from Procore" in page(client, invoice)
    assert "cannot be sent there" in client.get(address("send", invoice)).content.decode()
    ProcoreIntegration.objects.update(sends_invoices=False)
    assert 'id="sent-card"' not in page(client, invoice)
    answer = client.post(address("send", invoice), {"commitment": str(outgoing.contract["id"])})
    assert answer.status_code == 409
    assert not SentInvoice.objects.exists()


def test_a_refused_one_shows_why_and_is_tried_again_with_one_button(outgoing: Outgoing, as_user: Any) -> None:
    client = as_user(outgoing.user)
    outgoing.procore.fault("403", method="POST", path="/rest/v1.1/requisitions", times=1)
    sent = outgoing.send()
    shown = page(client, sent.invoice)
    assert "Procore does not let inBuild create invoices in this project." in shown
    assert "Choose another commitment" in shown
    answer = client.post(address("send_again", sent.invoice), headers={"HX-Request": "true"})
    assert "Ready to send" in answer.content.decode()
    client.post(address("send_again", sent.invoice))
    assert outgoing.go_on(sent).state == "sent"
    assert len(outgoing.there()) == 1
    client.post(address("send_again", sent.invoice))
    assert outgoing.go_on(sent).state == "sent"
    assert len(outgoing.there()) == 1


def test_a_doubt_is_never_looked_into_before_its_time(outgoing: Outgoing, settings: Any, as_user: Any) -> None:
    settings.PROCORE_QUARANTINE_SECONDS = 600
    outgoing.procore.fault("500", method="POST", path="/rest/v1.1/requisitions", times=1)
    sent = outgoing.send()
    before = SentInvoice.objects.values_list("next_at", flat=True).get()
    as_user(outgoing.user).post(address("send_again", sent.invoice))
    assert SentInvoice.objects.values_list("next_at", flat=True).get() == before


def test_the_card_asks_again_until_procore_has_decided(outgoing: Outgoing, as_user: Any) -> None:
    client, sent = as_user(outgoing.user), outgoing.ask()
    card = client.get(address("sent", sent.invoice), {"state": "ready"})
    assert "every 2s" in card.content.decode()
    outgoing.go_on(sent)
    card = client.get(address("sent", sent.invoice), {"state": "sent"})
    assert "every 5s" in card.content.decode()
    assert "HX-Refresh" not in card.headers
    outgoing.procore.approve(outgoing.there()[0]["id"])
    outgoing.heard_of(outgoing.there()[0])
    card = client.get(address("sent", sent.invoice), {"state": "sent"})
    assert "every" not in card.content.decode()
    assert card.headers["HX-Refresh"] == "true"


def test_imported_invoices_have_no_such_card(outgoing: Outgoing, as_user: Any) -> None:
    invoice = outgoing.invoice()
    Invoice.objects.update(source="procore")
    client = as_user(outgoing.user)
    assert 'id="sent-card"' not in page(client, invoice)
    assert client.get(address("send", invoice)).status_code == 404
