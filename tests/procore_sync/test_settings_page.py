"""Settings → Procore: who sees what, who may change what, and that the server refuses the rest."""

from __future__ import annotations

from typing import Any

import pytest

from accounting.models import Integration
from companies.models import AuditEvent, Company, User
from procore_sync import mirroring
from procore_sync.models import MirroringPeriod, ProcoreIntegration, ProcoreInvoice, WebhookDelivery

pytestmark = pytest.mark.django_db

LABEL = "Sync invoices approved in Procore to QuickBooks"
ADMINS_ONLY = "Only company admins can change this setting."


@pytest.fixture
def integration(company: Company) -> ProcoreIntegration:
    return ProcoreIntegration.objects.create(
        company=company,
        environment="production",
        procore_company_id=77,
        procore_company_name="Northgate Builders",
        client_id="x",
        client_secret="y",
        state="connected",
    )


@pytest.fixture
def books(company: Company) -> Integration:
    return Integration.objects.create(
        company=company, kind="qbo", external_id="9130", account_name="Northgate Books", state="connected"
    )


def page(client: Any) -> str:
    answer = client.get("/settings/procore/")
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize("kind", ["qbo", "qbd"])
@pytest.mark.parametrize("state", ["connected", "needs_reconnect"])
def test_the_section_shows_with_an_active_integration(
    kind: str, state: str, integration: ProcoreIntegration, books: Integration, admin: User, as_user: Any
) -> None:
    Integration.objects.update(kind=kind, state=state)
    shown = page(as_user(admin))
    assert LABEL in shown
    assert "QuickBooks Sync" in shown


def test_paused_quickbooks_keeps_the_section(
    integration: ProcoreIntegration, books: Integration, admin: User, as_user: Any
) -> None:
    Integration.objects.update(paused=True)
    shown = page(as_user(admin))
    assert LABEL in shown
    assert "paused" in shown


@pytest.mark.parametrize("disconnected", [True, False])
def test_the_section_is_hidden_without_an_active_integration(
    disconnected: bool, company: Company, integration: ProcoreIntegration, admin: User, as_user: Any
) -> None:
    if disconnected:
        Integration.objects.create(company=company, kind="qbo", external_id="1", state="disconnected")
    assert LABEL not in page(as_user(admin))


def test_another_companys_integration_does_not_show_the_section(
    integration: ProcoreIntegration, other_company: Company, admin: User, as_user: Any
) -> None:
    Integration.objects.create(company=other_company, kind="qbo", external_id="1", state="connected")
    assert LABEL not in page(as_user(admin))


@pytest.mark.parametrize("role", ["accountant", "viewer"])
def test_others_see_the_switch_greyed_out_with_the_reason(
    role: str,
    integration: ProcoreIntegration,
    books: Integration,
    as_user: Any,
    request: pytest.FixtureRequest,
) -> None:
    shown = page(as_user(request.getfixturevalue(role)))
    assert LABEL in shown
    assert ADMINS_ONLY in shown
    switch = shown[shown.index('role="switch"') - 300 : shown.index('role="switch"') + 300]
    assert "disabled" in switch


WRITES = [
    ("/settings/procore/switch/", {"switch": "on"}),
    ("/settings/procore/switch/", {"switch": "off"}),
    ("/settings/procore/check/", {}),
    ("/settings/procore/disconnect/", {}),
    ("/settings/procore/approved-as-noted/", {"counts": "off"}),
    ("/settings/procore/review/import/", {"all": "1", "shown": "9"}),
    ("/settings/procore/review/dismiss/", {"all": "1", "shown": "9"}),
    ("/settings/procore/review/count/", {}),
    (
        "/settings/procore/connect/",
        {"environment": "sandbox", "procore_company_id": "5", "client_id": "a", "client_secret": "b"},
    ),
    ("/settings/accounting/qbo/connect/", {}),
    ("/settings/accounting/setup/payable/", {"ap_account": "1"}),
    ("/settings/accounting/setup/finish/", {}),
    ("/settings/accounting/{pk}/pause/", {"pause": "on"}),
    ("/settings/accounting/{pk}/check/", {}),
    ("/settings/accounting/{pk}/refresh/", {}),
    ("/settings/accounting/qbo/{pk}/disconnect/", {}),
]


@pytest.mark.parametrize("role", ["accountant", "viewer"])
@pytest.mark.parametrize(("address", "fields"), WRITES)
@pytest.mark.parametrize("htmx", [True, False])
def test_every_write_is_refused_for_others_and_changes_nothing(
    role: str,
    address: str,
    fields: dict[str, str],
    htmx: bool,
    integration: ProcoreIntegration,
    books: Integration,
    admin: User,
    as_user: Any,
    request: pytest.FixtureRequest,
) -> None:
    mirroring.set_to(integration, True, user=admin)
    before = state()
    headers = {"HX-Request": "true"} if htmx else {}
    client = as_user(request.getfixturevalue(role))
    answer = client.post(address.format(pk=books.pk), fields, headers=headers)
    assert answer.status_code == 403
    assert ADMINS_ONLY in answer.content.decode()
    assert state() == before


def state() -> list[Any]:
    return [
        list(
            ProcoreIntegration.objects.order_by("pk").values_list(
                "pk", "state", "checked_at", "approved_as_noted_counts"
            )
        ),
        list(Integration.objects.order_by("pk").values_list("pk", "state", "ap_account")),
        list(MirroringPeriod.objects.values_list("started_at", "ended_at")),
        AuditEvent.objects.count(),
    ]


def test_a_stranger_is_sent_to_sign_in(integration: ProcoreIntegration, client: Any) -> None:
    answer = client.post("/settings/procore/switch/", {"switch": "on"})
    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]
    assert not MirroringPeriod.objects.exists()


def test_a_form_without_its_token_is_refused(integration: ProcoreIntegration, books: Integration, admin: User) -> None:
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert client.post("/settings/procore/switch/", {"switch": "on"}).status_code == 403
    assert not MirroringPeriod.objects.exists()


def test_an_admin_switches_on_and_off_and_it_is_on_record(
    integration: ProcoreIntegration, books: Integration, admin: User, as_user: Any
) -> None:
    client = as_user(admin)
    for _ in range(2):  # set, not flip: a double click changes nothing
        assert client.post("/settings/procore/switch/", {"switch": "on"}).status_code == 302
    period = MirroringPeriod.objects.get()
    assert (period.started_by, period.ended_at) == (admin, None)
    shown = page(client)
    assert 'aria-checked="true"' in shown
    assert str(admin) in shown
    client.post("/settings/procore/switch/", {"switch": "off"})
    period.refresh_from_db()
    assert period.ended_by == admin
    assert period.ended_at is not None
    assert 'aria-checked="false"' in page(client)
    verbs = list(AuditEvent.objects.order_by("id").values_list("verb", flat=True))
    assert verbs == ["mirroring.on", "mirroring.off"]


def test_switching_on_without_an_active_integration_is_a_409_with_its_sentence(
    integration: ProcoreIntegration, admin: User, as_user: Any
) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        answer = as_user(admin).post("/settings/procore/switch/", {"switch": "on"}, headers=headers)
        assert answer.status_code == 409
        assert mirroring.NEEDS_QUICKBOOKS in answer.content.decode()
    assert not MirroringPeriod.objects.exists()


@pytest.fixture
def refused(integration: ProcoreIntegration) -> ProcoreInvoice:
    row = ProcoreInvoice.hint(integration, kind="subcontractor_invoice", procore_id=58821, project_id=789)
    ProcoreInvoice.objects.update(next_at=None)
    row.remember(
        gate="mirroring", reason="It was approved when the switch was off.", number="ACME-001", status="approved"
    )
    return row


def test_what_was_not_imported_is_on_screen_with_its_reason_and_one_button(
    refused: ProcoreInvoice, integration: ProcoreIntegration, admin: User, as_user: Any
) -> None:
    ProcoreInvoice.hint(integration, kind="subcontractor_invoice", procore_id=58822, project_id=789).remember(
        gate="status", reason="It is Draft in Procore and comes once it is approved.", number="ACME-002"
    )
    client = as_user(admin)
    shown = page(client)
    assert "ACME-001" in shown
    assert refused.reason in shown
    assert "ACME-002" not in shown
    assert client.post(f"/settings/procore/invoices/{refused.pk}/check/").status_code == 302
    refused.refresh_from_db()
    assert refused.wanted == 2
    assert refused.next_at is not None


@pytest.mark.parametrize("role", ["accountant", "viewer"])
def test_others_cannot_ask_procore_again(
    role: str, refused: ProcoreInvoice, as_user: Any, request: pytest.FixtureRequest
) -> None:
    client = as_user(request.getfixturevalue(role))
    assert client.post(f"/settings/procore/invoices/{refused.pk}/check/").status_code == 403
    refused.refresh_from_db()
    assert refused.wanted == 1


def test_a_message_that_could_not_be_read_is_on_screen(
    integration: ProcoreIntegration, company: Company, admin: User, as_user: Any
) -> None:
    WebhookDelivery.objects.create(
        company=company, integration=integration, event_key="x", body=b"junk", outcome="dead", reason="It is not JSON."
    )
    shown = page(as_user(admin))
    assert "could not be read" in shown
    assert "It is not JSON." in shown


def test_without_procore_there_is_nothing_to_switch(books: Integration, admin: User, as_user: Any) -> None:
    assert as_user(admin).post("/settings/procore/switch/", {"switch": "on"}).status_code == 404


def test_htmx_gets_the_section_with_the_stored_state(
    integration: ProcoreIntegration, books: Integration, admin: User, as_user: Any
) -> None:
    answer = as_user(admin).post("/settings/procore/switch/", {"switch": "on"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    shown = answer.content.decode()
    assert 'aria-checked="true"' in shown
    assert "<html" not in shown


@pytest.mark.parametrize("value", ["", "maybe", "ON", "1", None])
def test_anything_but_on_is_off(
    value: str | None, integration: ProcoreIntegration, books: Integration, admin: User, as_user: Any
) -> None:
    fields = {} if value is None else {"switch": value}
    as_user(admin).post("/settings/procore/switch/", fields)
    assert not mirroring.is_on(integration)


def test_disconnecting_quickbooks_hides_the_section_and_keeps_the_choice(
    integration: ProcoreIntegration, books: Integration, admin: User, as_user: Any
) -> None:
    mirroring.set_to(integration, True, user=admin)
    Integration.objects.update(state="disconnected")
    assert LABEL not in page(as_user(admin))
    assert mirroring.is_on(integration)
