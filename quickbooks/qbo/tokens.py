"""One refresh at a time, stored before it is used."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounting.backends import NeedsReconnect, NotSent
from accounting.models import Integration
from companies import auditing
from inbuild import http
from inbuild.faultpoints import faultpoint
from inbuild.written import Written
from qbo import gateway
from qbo.models import Token

EARLY = timedelta(minutes=5)
LEASE = timedelta(seconds=90)
PATIENCE_SECONDS = 15.0


def access_token(integration: Integration) -> str:
    """A token that is good for some minutes. Raises NotSent or NeedsReconnect."""
    # The pair that is judged is the one that is renewed: another read later may be somebody's new one already.
    token = next(iter(_JUDGED(integration.pk)), None)
    if token is not None and token.is_good:
        return str(token.access_token)
    return _refreshed(integration, token.generation if token is not None else 0)


_JUDGED: Written[Any] = Written(
    lambda integration_id: Token.objects.filter(integration_id=integration_id).annotate(
        is_good=Q(access_expires_at__gt=Now() + EARLY)
    ),
    int,
)


def after_refusal(integration: Integration, refused: str) -> str:
    """QuickBooks refused this access token: get another, unless somebody has already. Raises like `access_token`."""
    token = _current(integration)
    if token.access_token != refused:
        return str(token.access_token)
    return _refreshed(integration, token.generation)


def store(integration: Integration, pair: gateway.TokenPair) -> None:
    """Keep the pair of a new connection. The generation rises, so that a refresh under way cannot overwrite it."""
    known = Token.objects.select_for_update().filter(integration=integration).first()
    generation = known.generation + 1 if known else 1
    facts = {"company_id": integration.company_id, "refreshing_until": None, "previous_refresh_token": ""}
    Token.objects.update_or_create(
        integration=integration, defaults={**facts, **_columns(pair), "generation": generation}
    )
    _note_end(integration)


def forget(token: Token) -> None:
    """Delete the pair that was given back, unless a new connection has put another in its place."""
    Token.objects.filter(pk=token.pk, generation=token.generation).delete()


def _refreshed(integration: Integration, generation: int) -> str:
    """Refresh pair number `generation`, or wait for whoever is doing it.

    A lease and not a row lock, because nothing may call out inside a transaction.
    """
    until = time.monotonic() + http.seconds_left(PATIENCE_SECONDS)
    while time.monotonic() < until:
        token = _current(integration)
        if token.generation != generation:
            return str(token.access_token)
        if Integration.objects.filter(pk=integration.pk, state=Integration.State.NEEDS_RECONNECT).exists():
            raise NeedsReconnect("Intuit refused the refresh token before")
        free = Q(refreshing_until=None) | Q(refreshing_until__lt=Now())
        rows = Token.objects.filter(free, pk=token.pk, generation=generation)
        if rows.update(refreshing_until=Now() + LEASE):
            return _refresh(integration, token)
        time.sleep(0.1)
    raise NotSent("cannot_reach", timedelta(seconds=10), "Another worker is still renewing the sign-in")


def _refresh(integration: Integration, token: Token) -> str:
    recorder = auditing.call_recorder(integration.company_id, "intuit", "token")
    try:
        # The answer holds the only good pair: a page's patience must not end while it is on the way.
        with http.in_full():
            pair = _first_good(recorder, token)
        faultpoint("token.after_answer")
    except gateway.SignInUnavailable as exc:
        Token.objects.filter(pk=token.pk).update(refreshing_until=None)
        raise NotSent("cannot_reach", timedelta(seconds=30), str(exc)) from exc
    except gateway.GrantRefused as exc:
        newer = Token.objects.filter(integration=integration).exclude(generation=token.generation).first()
        if newer is not None:  # somebody connected again meanwhile
            return str(newer.access_token)
        # Written down before anybody else takes the lease, so that nobody asks a second time.
        integration.needs_reconnect()
        Token.objects.filter(pk=token.pk).update(refreshing_until=None)
        raise NeedsReconnect("Intuit refused the refresh token") from exc
    with transaction.atomic(durable=True):
        fresh = Token.objects.select_for_update().filter(pk=token.pk).first()
        if fresh is None:
            raise NeedsReconnect("The connection was given back meanwhile")
        if fresh.generation != token.generation:
            return str(fresh.access_token)
        for name, value in _columns(pair).items():
            setattr(fresh, name, value)
        fresh.previous_refresh_token = token.refresh_token
        fresh.generation = token.generation + 1
        fresh.refreshing_until = None
        fresh.save()
        _note_end(integration)
    return pair.access_token


def _first_good(recorder: http.Recorder, token: Token) -> gateway.TokenPair:
    """The current refresh token, then once the one before it: an answer of Intuit may have been lost on its way."""
    try:
        return gateway.refresh(recorder, token.refresh_token)
    except gateway.GrantRefused:
        if not token.previous_refresh_token:
            raise
        return gateway.refresh(recorder, token.previous_refresh_token)


def _columns(pair: gateway.TokenPair) -> dict[str, object]:
    refresh_lifetime, hard = pair.refresh_expires_in, pair.hard_expires_in
    told = {"hard_expires_at": Now() + timedelta(seconds=hard)} if hard else {}
    return told | {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "access_expires_at": Now() + timedelta(seconds=pair.expires_in),
        "refresh_expires_at": Now() + timedelta(seconds=refresh_lifetime) if refresh_lifetime else None,
    }


def _note_end(integration: Integration) -> None:
    """When the books will end this connection: what the warning is read from."""
    ends = Token.objects.filter(integration=integration).values_list("refresh_expires_at", "hard_expires_at").first()
    known = [end for end in ends or () if end is not None]
    Integration.objects.filter(pk=integration.pk).update(ends_at=min(known, default=None))


def _current(integration: Integration) -> Token:
    token = Token.objects.filter(integration=integration).first()
    if token is None:
        raise NeedsReconnect("There is no sign-in for this company")
    return token
