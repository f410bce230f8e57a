"""Signing in to Procore, as a service account or as a person; a person's pair is renewed by one worker at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from companies import auditing
from inbuild import http
from procore_sync import refusals
from procore_sync.models import ProcoreIntegration
from procore_sync.refusals import SignInRefused, Unavailable

DEADLINE_SECONDS = 30.0
EARLY = timedelta(minutes=5)
LEASE = timedelta(seconds=90)
PATIENCE_SECONDS = 15.0
SIGN_IN_AGAIN = "Procore ended the sign-in of the Procore user. Connect again with your Procore user."
NOT_OUR_APP = (
    "Procore does not accept inBuild's own app. Whoever runs inBuild must check PROCORE_CLIENT_ID and "
    "PROCORE_CLIENT_SECRET."
)
USER = ProcoreIntegration.Grant.USER


class CodeRefused(Exception):
    """The code of a sign-in is not (or no longer) good."""


class _Declined(Exception):
    """The login service said no; the text is OAuth's error code."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What a sign-in gives. A service account gets no refresh token."""

    access_token: str
    refresh_token: str
    expires_in: int


# --- tokens for calls ----------------------------------------------------------------------------------------------
def access_token(integration: ProcoreIntegration) -> str:
    """A token that is good for some minutes. Raises SignInRefused or Unavailable."""
    if integration.pk is None:  # a trial: nothing of it is stored
        return str(integration.access_token or _fetched(integration))
    row = _current(integration)
    # The pair that is judged is the one that is renewed: another read later may be somebody's new one already.
    same = _rows(row).filter(token_generation=row.token_generation, access_expires_at__gt=Now() + EARLY)
    if row.access_token and same.exists():
        return str(row.access_token)
    return _renewed(row) if row.grant == USER else _fetched(row)


def after_refusal(integration: ProcoreIntegration, refused: str) -> str:
    """Procore refused this access token: get another, unless somebody has already. Raises like `access_token`."""
    if integration.pk is None:
        if integration.grant == USER:
            raise SignInRefused(SIGN_IN_AGAIN)
        return _fetched(integration)
    row = _current(integration)
    if row.access_token and row.access_token != refused:
        return str(row.access_token)
    return _renewed(row) if row.grant == USER else _fetched(row)


# --- service account -----------------------------------------------------------------------------------------------
def _fetched(integration: ProcoreIntegration) -> str:
    """Client credentials never rotate, so two workers fetching at once do no harm. Procore: 5400 s, no refresh."""
    own = {"client_id": integration.client_id, "client_secret": integration.client_secret}
    try:
        pair = _pair(_asked(integration, own | {"grant_type": "client_credentials"}), renewable=False)
    except _Declined as exc:
        raise SignInRefused("Procore does not accept this client id and secret.") from exc
    integration.access_token = pair.access_token
    if integration.pk:
        # Not over the credentials of a connection made meanwhile.
        _rows(integration).filter(token_generation=integration.token_generation).update(**_access(pair))
    return pair.access_token


# --- a person ------------------------------------------------------------------------------------------------------
def offers_user_grant() -> bool:
    """Is an app of our own registered at Procore, with which a person can sign in?"""
    return bool(settings.PROCORE_CLIENT_ID and settings.PROCORE_CLIENT_SECRET)


def redirect_uri() -> str:
    """Registered at Procore, letter for letter."""
    return f"{settings.PUBLIC_URL}/settings/procore/callback/"


def authorize_url(state: str) -> str:
    hosts = settings.PROCORE_ENVIRONMENTS[settings.PROCORE_CLIENT_ENVIRONMENT]
    asked = {
        "response_type": "code",
        "client_id": settings.PROCORE_CLIENT_ID,
        "redirect_uri": redirect_uri(),
        "state": state,
    }
    return f"{hosts['login']}/oauth/authorize?{urlencode(asked)}"


def exchange(trial: ProcoreIntegration, code: str) -> Pair:
    """The first pair of a person's sign-in. Raises CodeRefused or Unavailable."""
    body = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri()}
    try:
        return _pair(_asked(trial, _our_app() | body), renewable=True)
    except _Declined as exc:
        if str(exc) == "invalid_client":
            raise Unavailable(NOT_OUR_APP) from exc
        raise CodeRefused from exc


def store(row: ProcoreIntegration, pair: Pair) -> None:
    """Keep the pair of a new connection, whose generation has risen: a refresh under way cannot overwrite it."""
    _rows(row).update(**_access(pair), refresh_token=pair.refresh_token)


def revoke(integration: ProcoreIntegration) -> None:
    """Give the tokens back. Procore: 200 even for a token it does not know. Raises Unavailable."""
    row = _current(integration)
    own = _our_app() if row.grant == USER else {"client_id": row.client_id, "client_secret": row.client_secret}
    for token in filter(None, (row.refresh_token, row.access_token)):
        _revoked(row, own, token)


def give_back(trial: ProcoreIntegration, pair: Pair) -> None:
    """A pair that is not kept, as far as Procore can be reached."""
    with suppress(Unavailable):
        _revoked(trial, _our_app(), pair.refresh_token)


def _revoked(integration: ProcoreIntegration, own: Mapping[str, str], token: str) -> None:
    try:
        _session(integration).post(f"{_login(integration)}/oauth/revoke", json={**own, "token": token})
    except http.OutsideError as exc:
        raise Unavailable("Procore's sign-in cannot be reached.") from exc


def _renewed(row: ProcoreIntegration) -> str:
    """Renew the pair that this row was read with, or wait for whoever is doing it.

    A lease and not a row lock, because nothing may call out inside a transaction.
    """
    until, generation = time.monotonic() + PATIENCE_SECONDS, row.token_generation
    while time.monotonic() < until:
        now = _current(row)
        if now.token_generation != generation:
            return str(now.access_token)
        if not now.refresh_token:
            raise SignInRefused(SIGN_IN_AGAIN)
        free = Q(refreshing_until=None) | Q(refreshing_until__lt=Now())
        if _rows(row).filter(free, token_generation=generation).update(refreshing_until=Now() + LEASE):
            return _renew(now)
        time.sleep(0.1)
    raise Unavailable("Another worker is still renewing the sign-in at Procore.", timedelta(seconds=10))


def _renew(row: ProcoreIntegration) -> str:
    """Only the holder of the lease comes here. The new pair is committed before anybody uses it.

    Procore: a refresh token is good once. If the answer got lost, the next try is declined and a person must sign in.
    """
    same = _rows(row).filter(token_generation=row.token_generation)
    body = {"grant_type": "refresh_token", "refresh_token": row.refresh_token}
    try:
        # A refresh token is good once: a page's patience must not end while its answer is on the way.
        with http.in_full():
            pair = _pair(_asked(row, _our_app() | body), renewable=True)
    except Unavailable:
        same.update(refreshing_until=None)
        raise
    except _Declined as exc:
        return _declined(row, str(exc))
    with transaction.atomic(durable=True):
        kept = {**_access(pair), "refresh_token": pair.refresh_token, "refreshing_until": None}
        if same.update(**kept, token_generation=row.token_generation + 1):
            return pair.access_token
    return str(_current(row).access_token)  # somebody connected again meanwhile


def _declined(row: ProcoreIntegration, error: str) -> str:
    same = _rows(row).filter(token_generation=row.token_generation)
    if error == "invalid_client":
        # Ours to mend: the person's sign-in is not thrown away for it.
        same.update(refreshing_until=None)
        raise Unavailable(NOT_OUR_APP, timedelta(minutes=15))
    if not same.update(refreshing_until=None, refresh_token="", access_token="", access_expires_at=None):
        return str(_current(row).access_token)
    row.needs_reconnect(SIGN_IN_AGAIN)
    raise SignInRefused(SIGN_IN_AGAIN)


# --- the wire ------------------------------------------------------------------------------------------------------
def _asked(integration: ProcoreIntegration, body: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        response = _session(integration).post(f"{_login(integration)}/oauth/token", json=body)
    except http.OutsideError as exc:
        raise Unavailable("Procore's sign-in cannot be reached. inBuild tries again by itself.") from exc
    if response.status_code in (400, 401, 403):
        raise _Declined(_error(response))
    refusals.raise_for(response)
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Unavailable("Procore's sign-in gave no token. inBuild tries again by itself.")
    return answer


def _pair(answer: Mapping[str, Any], *, renewable: bool) -> Pair:
    token, lifetime = answer.get("access_token"), answer.get("expires_in")
    refresh = answer.get("refresh_token") if renewable else ""
    good = isinstance(token, str) and token and type(lifetime) is int and 0 < lifetime < 10**8
    if not good or not isinstance(refresh, str) or (renewable and not refresh):
        raise Unavailable("Procore's sign-in gave no token. inBuild tries again by itself.")
    return Pair(str(token), refresh, int(str(lifetime)))


def _access(pair: Pair) -> dict[str, Any]:
    return {"access_token": pair.access_token, "access_expires_at": Now() + timedelta(seconds=pair.expires_in)}


def _error(response: http.Response) -> str:
    try:
        body = json.loads(response.content)
    except ValueError:
        return ""
    return str(body.get("error", "")) if isinstance(body, dict) else ""


def _our_app() -> dict[str, str]:
    return {"client_id": settings.PROCORE_CLIENT_ID, "client_secret": settings.PROCORE_CLIENT_SECRET}


def _session(integration: ProcoreIntegration) -> http.Session:
    recorder = auditing.call_recorder(integration.company_id, "procore", "sign-in")
    return http.session(recorder, deadline_seconds=DEADLINE_SECONDS)


def _login(integration: ProcoreIntegration) -> str:
    return str(settings.PROCORE_ENVIRONMENTS[integration.environment]["login"])


def _rows(integration: ProcoreIntegration) -> QuerySet[ProcoreIntegration]:
    return ProcoreIntegration.objects.filter(pk=integration.pk)


def _current(integration: ProcoreIntegration) -> ProcoreIntegration:
    return ProcoreIntegration.objects.get(pk=integration.pk)
