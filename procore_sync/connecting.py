"""Connecting a company to Procore, with a service account or with a Procore user, and disconnecting.

Sign-in and company are proved here, before anything is stored; projects, hooks and permissions are then looked at in
the background (`keeping.py`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from companies import auditing
from companies.models import Company, Membership, Role, User
from inbuild.queue import ring
from procore_sync import hooks, mirroring, steps, tokens
from procore_sync.bells import CHECK_DUE
from procore_sync.client import Forbidden, Procore, ProcoreError, SignInRefused
from procore_sync.models import OAuthState, ProcoreIntegration

log = structlog.get_logger("procore_sync.connecting")
LIFETIME = timedelta(minutes=10)
INVALID = "This link is no longer valid. Nothing was changed. Start again."


class CannotConnect(Exception):
    """The text says what is wrong, in words for the admin who is connecting."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the admin types in: a service account of the customer's Procore company."""

    environment: str
    procore_company_id: int
    client_id: str
    client_secret: str


def connect(company: Company, given: Credentials, *, user: User) -> ProcoreIntegration:
    """Check the service account with Procore, then keep it. Raises CannotConnect.

    Nothing is stored when Procore does not accept it.
    """
    trial = ProcoreIntegration(
        company=company,
        environment=given.environment,
        procore_company_id=given.procore_company_id,
        client_id=given.client_id,
        client_secret=given.client_secret,
    )
    try:
        tokens.access_token(trial)
    except ProcoreError as exc:
        raise CannotConnect(str(exc)) from exc
    found = _seen(trial)
    own = {"client_id": given.client_id, "client_secret": given.client_secret, "refresh_token": ""}
    return _keep(trial, found | own, None, user)


# --- with a Procore user -------------------------------------------------------------------------------------------
def begin(company: Company, procore_company_id: int, *, user: User, session_key: str) -> str:
    """Where to send the browser to sign in at Procore."""
    state = secrets.token_urlsafe(32)
    OAuthState.objects.filter(expires_at__lt=Now()).delete()
    OAuthState.objects.create(
        company=company,
        user=user,
        procore_company_id=procore_company_id,
        state_sha256=_sha256(state),
        session_sha256=_sha256(session_key),
        expires_at=Now() + LIFETIME,
    )
    return tokens.authorize_url(state)


def accept_state(state: str, *, user: User, session_key: str) -> OAuthState:
    """What was begun with this state, which is used up. Raises CannotConnect for any that is not ours.

    The person must still be an admin there: roles may have changed while the browser was at Procore.
    """
    with transaction.atomic():
        row = (
            OAuthState.objects.select_for_update()
            .filter(state_sha256=_sha256(state), user=user, session_sha256=_sha256(session_key), expires_at__gt=Now())
            .select_related("company")
            .first()
        )
        if row is not None:
            OAuthState.objects.filter(pk=row.pk).delete()
    if row is None:
        log.warning("an answer of Procore's sign-in was refused", user=user.pk)
        raise CannotConnect(INVALID)
    if not Membership.objects.filter(company=row.company, user=user, role=Role.ADMIN).exists():
        raise CannotConnect("You are no longer an admin of this company. Nothing was changed.")
    return row


def finish(begun: OAuthState, *, user: User, code: str) -> ProcoreIntegration:
    """Exchange the code, make sure that the person sees the company, and keep the connection. Raises CannotConnect."""
    trial = ProcoreIntegration(
        company=begun.company,
        environment=settings.PROCORE_CLIENT_ENVIRONMENT,
        procore_company_id=begun.procore_company_id,
        grant=ProcoreIntegration.Grant.USER,
    )
    try:
        pair = tokens.exchange(trial, code)
    except tokens.CodeRefused as exc:
        raise CannotConnect(INVALID) from exc
    except ProcoreError as exc:
        raise CannotConnect(f"{exc} Nothing was changed. Start again.") from exc
    trial.access_token = pair.access_token
    try:
        return _keep(trial, _seen(trial) | {"client_id": "", "client_secret": ""}, pair, user)
    except CannotConnect:
        tokens.give_back(trial, pair)
        raise


# --- what both have in common --------------------------------------------------------------------------------------
def _seen(trial: ProcoreIntegration) -> dict[str, Any]:
    """Whom Procore takes us for, and the company's name, with the trial's sign-in. Raises CannotConnect."""
    is_user = trial.grant == ProcoreIntegration.Grant.USER
    who = "This Procore user cannot" if is_user else "These credentials cannot"
    wrong = CannotConnect(
        f"{who} see the Procore company {trial.procore_company_id}. Check the company ID, and that the inBuild app is "
        "installed in that company (Company Admin, App Management)."
    )
    try:
        procore = Procore(trial, "connect")
        me = procore.me()
        names = {found.get("id"): str(found.get("name") or "") for found in procore.companies()}
    except (Forbidden, SignInRefused) as exc:
        raise wrong from exc
    except ProcoreError as exc:
        raise CannotConnect(str(exc)) from exc
    if trial.procore_company_id not in names:
        raise wrong
    return steps.own_user(me) | {"procore_company_name": names[trial.procore_company_id][:255]}


def _keep(
    trial: ProcoreIntegration, facts: Mapping[str, Any], pair: tokens.Pair | None, user: User
) -> ProcoreIntegration:
    """On the row of an earlier connection to the same Procore company, else on a new one."""
    same: dict[str, Any] = {
        "company": trial.company,
        "environment": trial.environment,
        "procore_company_id": trial.procore_company_id,
    }
    try:
        with transaction.atomic():
            row, _ = ProcoreIntegration.objects.get_or_create(**same)
            row = ProcoreIntegration.objects.select_for_update(no_key=True).get(pk=row.pk)
            rows = ProcoreIntegration.objects.filter(pk=row.pk)
            secret = {} if row.hook_secret else hooks.new_secret()
            # The attempt rises, so that a look under way with the sign-in before writes nothing more.
            rows.update(
                **facts,
                **secret,
                grant=trial.grant,
                state=ProcoreIntegration.State.CONNECTED,
                access_token="",  # the old one belongs to the old credentials
                access_expires_at=None,
                token_generation=F("token_generation") + 1,
                refreshing_until=None,
                **_looked_at_soon(),
            )
            if pair is not None:
                tokens.store(row, pair)
            row.refresh_from_db()
            row.take_up_imports()
            auditing.record(
                row.company_id, "procore.connected", row, f"Connected {row.procore_company_name}", user=user
            )
            ring(CHECK_DUE, row.company_id)
    except IntegrityError as exc:
        other = ProcoreIntegration.active(trial.company_id)
        if other and (other.environment, other.procore_company_id) != (trial.environment, trial.procore_company_id):
            raise CannotConnect(f"Disconnect {other} first: one Procore company at a time.") from exc
        raise CannotConnect("This Procore company is already connected to another company in inBuild.") from exc
    return row


def disconnect(integration: ProcoreIntegration, *, user: User) -> None:
    """Stop taking invoices from Procore; the switch goes off, what was imported stays and keeps syncing.

    Our hooks are removed and the sign-in is given back in the background (`leaving.py`).
    """
    mirroring.set_to(integration, False, user=user)
    with transaction.atomic():
        ProcoreIntegration.objects.filter(pk=integration.pk).update(
            state=ProcoreIntegration.State.DISCONNECTED, **_looked_at_soon()
        )
        auditing.record(integration.company_id, "procore.disconnected", integration, "Procore disconnected", user=user)
        ring(CHECK_DUE, integration.company_id)


def _looked_at_soon() -> dict[str, Any]:
    """Due now, from the beginning, and out of the hands of whoever was at it."""
    return {
        "attempt": F("attempt") + 1,
        "failures": 0,
        "next_at": Now(),
        "lease_until": None,
        "check_started_at": None,
        "check_result": "",
        "steps": [],
    }


def _sha256(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
