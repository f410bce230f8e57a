"""Connects a company to the emulators through the product's own functions, as the pages do."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import requests

from accounting import configuring, lists
from accounting.models import Integration
from companies.models import Company, User
from procore_sync import connecting as procore_connecting
from procore_sync.models import ProcoreIntegration
from qbo import connecting as qbo_connecting
from tests.support import emulated, work


def consent(authorize_url: str, realm: str = emulated.REALM, decision: str = "connect") -> dict[str, str]:
    """Press Connect on the emulator's page; returns what Intuit sends back with the browser."""
    asked = dict(parse_qsl(urlsplit(authorize_url).query))
    form = {name: asked[name] for name in ("client_id", "redirect_uri", "scope", "state")}
    answer = requests.post(
        authorize_url.split("?")[0],
        data=form | {"realm": realm, "decision": decision},
        allow_redirects=False,
        timeout=10,
    )
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def quickbooks(
    intuit: emulated.IntuitEmulator, company: Company, user: User, realm: str = emulated.REALM
) -> Integration:
    """Connected by OAuth, accounts chosen by name."""
    back = consent(qbo_connecting.begin(company, user, "session"), realm)
    qbo_connecting.accept_state(back["state"], user, "session")
    integration = qbo_connecting.finish(company, user, code=back["code"], realm=back["realmId"])
    found = {entry.name: entry for entry in lists.accounts(integration)}
    expense = next(entry for name, entry in found.items() if "Subcontract" in name or "Job" in name)
    retention = next((entry for name, entry in found.items() if "Retention" in name), None)
    payable = lists.accounts(integration, "AccountsPayable").first()
    assert payable is not None
    configuring.save_accounts(
        integration, ap_account=payable, expense_account=expense, retainage_account=retention, user=user
    )
    integration.refresh_from_db()
    return integration


def procore(
    company: Company,
    user: User,
    procore_company_id: int = emulated.COMPANY_ID,
    client: tuple[str, str] = (emulated.CLIENT_ID, emulated.CLIENT_SECRET),
) -> ProcoreIntegration:
    """With a service account; the connection has been looked at once, so that all hooks are there."""
    given = procore_connecting.Credentials("custom", procore_company_id, *client)
    integration = procore_connecting.connect(company, given, user=user)
    work.check(integration)
    return integration


def procore_consent(authorize_url: str, person: int, decision: str = "allow") -> dict[str, str]:
    """Press Allow as this person on Procore's page; returns what Procore sends back with the browser."""
    form = dict(parse_qsl(urlsplit(authorize_url).query)) | {"decision": decision, "user_id": str(person)}
    answer = requests.post(authorize_url.split("?")[0], data=form, allow_redirects=False, timeout=10)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def procore_person(emulator: emulated.ProcoreEmulator) -> int:
    """Somebody of the general contractor's staff."""
    people = emulator.get("objects/user", company_id=emulated.COMPANY_ID)
    return int(next(person["id"] for person in people if person["kind"] == "staff"))


def procore_as_user(emulator: emulated.ProcoreEmulator, company: Company, user: User) -> ProcoreIntegration:
    """With a Procore user; looked at once."""
    url = procore_connecting.begin(company, emulated.COMPANY_ID, user=user, session_key="session")
    back = procore_consent(url, procore_person(emulator))
    begun = procore_connecting.accept_state(back["state"], user=user, session_key="session")
    integration = procore_connecting.finish(begun, user=user, code=back["code"])
    work.check(integration)
    return integration
