"""Connecting a company to QuickBooks Online by OAuth, and giving the connection back."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models.functions import Now

from accounting import configuring, lists, preflight, waking
from accounting.backends import NeedsReconnect, NotSent
from accounting.models import Integration
from companies import auditing
from companies.models import Company, Membership, Role, User
from inbuild import http
from qbo import gateway, tokens
from qbo.faults import Fault
from qbo.models import OAuthState, Token

log = structlog.get_logger("qbo.connecting")
LIFETIME = timedelta(minutes=10)
INVALID = "This link is no longer valid. Nothing was changed. Start again."


class CannotConnect(Exception):
    """The text is for the admin who is connecting."""


def begin(company: Company, user: User, session_key: str) -> str:
    """Where to send the browser. Raises CannotConnect."""
    if Integration.active(company).filter(kind=Integration.Kind.QBD).exists():
        raise CannotConnect(configuring.why_not(company, Integration.Kind.QBO))
    state = secrets.token_urlsafe(32)
    try:
        url = gateway.authorize_url(auditing.call_recorder(company.pk, "intuit", "connect"), state)
    except gateway.SignInUnavailable as exc:
        raise CannotConnect(
            "QuickBooks cannot be reached just now. Nothing was changed. Try again in a minute."
        ) from exc
    OAuthState.objects.filter(expires_at__lt=Now()).delete()
    OAuthState.objects.create(
        company=company,
        user=user,
        state_sha256=_sha256(state),
        session_sha256=_sha256(session_key),
        expires_at=Now() + LIFETIME,
    )
    return url


def accept_state(state: str, user: User, session_key: str) -> Company:
    """The company this answer belongs to; the state is used up. Raises CannotConnect for any that is not ours.

    The person must still be an admin there: roles may have changed while the browser was at Intuit.
    """
    with transaction.atomic(durable=True):
        row = (
            OAuthState.objects.select_for_update()
            .filter(state_sha256=_sha256(state), user=user, session_sha256=_sha256(session_key), expires_at__gt=Now())
            .select_related("company")
            .first()
        )
        if row is None:
            raise CannotConnect(INVALID)
        row.delete()
    if not Membership.objects.filter(company=row.company, user=user, role=Role.ADMIN).exists():
        raise CannotConnect("You are no longer an admin of this company. Nothing was changed.")
    return row.company


def finish(company: Company, user: User, *, code: str, realm: str) -> tuple[Integration, int]:
    """Exchange the code, make sure that the company is the one it says, and keep the connection. Raises CannotConnect.

    Returns it with how many bills that waited for it go on.

    The realm comes in an address anybody could type, so QuickBooks itself is asked with the new token.
    """
    recorder = auditing.call_recorder(company.pk, "intuit", "connect")
    if not realm.isdecimal() or len(realm) > 60:
        raise CannotConnect(INVALID)
    try:
        pair = gateway.exchange_code(recorder, code)
        name = str(gateway.Company(recorder, realm, pair.access_token).info().get("CompanyName") or realm)
    except gateway.GrantRefused as exc:
        raise CannotConnect(INVALID) from exc
    except (gateway.SignInUnavailable, Fault, NotSent, http.OutsideError, KeyError, TypeError) as exc:
        log.warning("connecting failed", why=str(exc))
        raise CannotConnect("QuickBooks did not complete the connection. Nothing was changed. Start again.") from exc
    try:
        # Together, because a worker that finds the one without the other would call the connection broken.
        with transaction.atomic():
            integration = configuring.connect(
                company, kind=Integration.Kind.QBO, external_id=realm, account_name=name, user=user
            )
            tokens.store(integration, pair)
    except configuring.AlreadyConnected as exc:
        _revoke(recorder, pair.refresh_token)
        raise CannotConnect(str(exc)) from exc
    _read_lists(integration)
    preflight.check(integration)
    return integration, waking.wake(company.pk, "not_connected", "reconnect", "paused")


def disconnect(integration: Integration, user: User) -> None:
    """Bills stop first, then the connection is given back; Intuit being out of reach does not keep it alive here."""
    configuring.disconnect(integration, user=user)
    token = Token.objects.filter(integration=integration).first()
    if token is not None:
        recorder = auditing.call_recorder(integration.company_id, "intuit", "disconnect")
        _revoke(recorder, token.refresh_token)
        tokens.forget(token)


def _read_lists(integration: Integration) -> None:
    """A convenience: the page has a button for it, so a failure here must not undo the connection."""
    try:
        lists.refresh(integration)
    except (NotSent, NeedsReconnect, KeyError, TypeError) as exc:
        log.warning("the lists were not read", integration=integration.pk, why=str(exc))


def _revoke(recorder: http.Recorder, refresh_token: str) -> None:
    try:
        gateway.revoke(recorder, refresh_token)
    except gateway.SignInUnavailable as exc:
        log.warning("a connection was not revoked at Intuit", why=str(exc))


def _sha256(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
