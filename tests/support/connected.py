"""Connects a company to the emulators through the product's own functions, as the pages do."""

from __future__ import annotations

import copy
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import requests
from django.db.models import Model
from django.db.models.base import ModelState

from accounting import configuring, lists
from accounting.models import Integration
from companies.models import AuditEvent, Company, User
from procore_sync import connecting as procore_connecting
from procore_sync.models import ProcoreIntegration, ProcoreProject
from qbo import connecting as qbo_connecting
from tests.support import emulated, work

Row = TypeVar("Row", bound=Model)


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
    integration, _ = qbo_connecting.finish(company, user, code=back["code"], realm=back["realmId"])
    found = {entry.name: entry for entry in lists.accounts(integration)}
    expense = next(entry for name, entry in found.items() if "Subcontract" in name or "Job" in name)
    retention = next((entry for name, entry in found.items() if "Retention" in name), None)
    payable = lists.accounts(integration, "AccountsPayable").first()
    assert payable is not None
    configuring.save(
        integration,
        ap_account=payable,
        expense_account=expense,
        retainage_account=retention,
        creates_vendors=True,
        user=user,
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


class ProcoreAsConnected:
    """What `procore` brings about, kept on both sides for the next test: it takes some forty calls each time."""

    def __init__(self) -> None:
        self._integration: ProcoreIntegration | None = None
        self._projects: list[ProcoreProject] = []
        self._events: list[AuditEvent] = []

    def connect(self, emulator: emulated.ProcoreEmulator, company: Company, user: User) -> ProcoreIntegration:
        """For a company that has no Procore yet; where Procore is not as seeded any more, everything is asked again."""
        if emulator.get("events")[-1]["kind"] != "seeded":
            return procore(company, user)
        if self._integration is None:
            integration = procore(company, user)
            self._keep(integration)
            emulator.post("keep", {"name": "connected"})
            return integration
        emulator.post("bring_back", {"name": "connected"})
        return self._again(self._integration, company, user)

    def _keep(self, integration: ProcoreIntegration) -> None:
        self._integration = ProcoreIntegration.objects.get(pk=integration.pk)
        self._projects = list(integration.projects.order_by("pk"))
        events = AuditEvent.objects.filter(company=integration.company, verb__startswith="procore.")
        self._events = list(events.order_by("pk"))

    def _again(self, kept: ProcoreIntegration, company: Company, user: User) -> ProcoreIntegration:
        integration = _anew(kept, company=company)
        for project in self._projects:
            _anew(project, company=company, integration=integration)
        for event in self._events:
            _anew(event, company=company, user=user if event.user_id else None, object_id=str(integration.pk))
        return ProcoreIntegration.objects.get(pk=integration.pk)


def _anew(kept: Row, **other: Any) -> Row:
    """Another row like this one."""
    row = copy.copy(kept)
    row._state = ModelState()
    row.pk = None
    for name, value in other.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


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
