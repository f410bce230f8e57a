"""Addresses of the OAuth side: discovery, consent page, tokens, revocation, user info, keys.

Intuit: discovery document and OAuth pages, collected in qbo.md section 1. One address plays all of Intuit's hosts.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from emulators.intuit import identity
from emulators.intuit.limits import wait_for_kind
from emulators.intuit.oauth import (
    CLIENT_ID,
    CLIENT_SECRET,
    SCOPES,
    Grant,
    OAuthRefusal,
    TokenDesk,
)
from emulators.intuit.store import Store

ISSUER_PATH = "/op/v1"


def oauth_routes(store: Store, desk: TokenDesk, redirect_uris: list[str]) -> Blueprint:
    routes = Blueprint("oauth", __name__)
    _add_discovery(routes, store)
    _add_consent(routes, store, desk, redirect_uris)
    _add_tokens(routes, store, desk)
    _add_identity(routes, store, desk)
    return routes


def _add_discovery(routes: Blueprint, store: Store) -> None:
    for path in ("openid_configuration", "openid_sandbox_configuration"):
        routes.add_url_rule(
            f"/.well-known/{path}",
            f"discovery_{path}",
            lambda: jsonify(_discovery(store.public_url)),
            strict_slashes=False,
        )
        routes.add_url_rule(
            f"/.well-known/{path}/", f"discovery_{path}_slash", lambda: jsonify(_discovery(store.public_url))
        )


def _discovery(base: str) -> dict[str, Any]:
    return {
        "issuer": base + ISSUER_PATH,
        "authorization_endpoint": f"{base}/connect/oauth2",
        "token_endpoint": f"{base}/oauth2/v1/tokens/bearer",
        "userinfo_endpoint": f"{base}/v1/openid_connect/userinfo",
        "revocation_endpoint": f"{base}/v2/oauth2/tokens/revoke",
        "jwks_uri": f"{base}{ISSUER_PATH}/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile", "address", "phone"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "claims_supported": ["aud", "exp", "iat", "iss", "realmid", "sub"],
    }


def _add_consent(routes: Blueprint, store: Store, desk: TokenDesk, redirect_uris: list[str]) -> None:
    @routes.get("/connect/oauth2")
    def ask() -> ResponseReturnValue:
        problem = _consent_problem(request.args.to_dict(), redirect_uris)
        companies = [(realm, store.company_name(realm)) for realm in store.realms()]
        page = render_template("consent.html", asked=request.args, companies=companies, problem=problem)
        return page, 400 if problem else 200

    @routes.post("/connect/oauth2")
    def decide() -> ResponseReturnValue:
        form = request.form.to_dict()
        problem = _consent_problem(form, redirect_uris)
        realm = form.get("realm", "")
        wants = form.get("decision") == "connect"
        if not problem and wants and realm not in store.realms():
            problem = "Choose a company."
        if problem:
            return render_template("consent.html", asked=form, companies=[], problem=problem), 400
        answer = {"state": form.get("state", "")}
        if wants:
            code = desk.issue_code(form["client_id"], realm, form["scope"], form["redirect_uri"])
            answer = {"code": code, **answer, "realmId": realm}
        else:
            answer = {"error": "access_denied", **answer}
            store.ledger.append("oauth.denied", "", {"client": form["client_id"]})
        mark = "&" if "?" in form["redirect_uri"] else "?"
        return redirect(f"{form['redirect_uri']}{mark}{urlencode(answer)}", 302)


def _consent_problem(asked: dict[str, str], redirect_uris: list[str]) -> str:
    """Why the request cannot be shown for consent; such an error is never sent to the redirect URI."""
    if asked.get("client_id") != CLIENT_ID:
        return "The client_id is not known."
    if not asked.get("redirect_uri"):
        return "The redirect_uri is missing."
    if redirect_uris and asked["redirect_uri"] not in redirect_uris:
        return "The redirect_uri is not registered for this app."
    if asked.get("response_type", "code") != "code":
        return "The response_type must be code."
    scopes = asked.get("scope", "").split()
    if not scopes:
        return "The scope is missing."
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        return f"The scope {unknown[0]} is not known."
    return "" if asked.get("state") else "The state is missing."


def _add_tokens(routes: Blueprint, store: Store, desk: TokenDesk) -> None:
    @routes.post("/oauth2/v1/tokens/bearer")
    def tokens() -> ResponseReturnValue:
        kind = request.form.get("grant_type", "")
        request.environ["emulators.kind"] = {"refresh_token": "oauth.refresh"}.get(kind, "oauth.code")
        wait_for_kind(store, request.environ["emulators.kind"], "")
        try:
            client = _client(request.form.to_dict())
            if kind == "authorization_code":
                code, target = request.form.get("code", ""), request.form.get("redirect_uri", "")
                grant, access, refresh = desk.exchange_code(client, code, target)
            elif kind == "refresh_token":
                grant, access, refresh = desk.refresh(client, request.form.get("refresh_token", ""))
            else:
                raise OAuthRefusal("unsupported_grant_type" if kind else "invalid_request")
        except OAuthRefusal as refusal:
            return jsonify(refusal.body()), refusal.status
        # Intuit: the hard limit is told only to those who ask for it with this header.
        hard = request.headers.get("x-include-refresh-token-hard-expires-in", "").lower() == "true"
        response = jsonify(token_answer(store, desk, grant, access, refresh, hard))
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.post("/v2/oauth2/tokens/revoke")
    def revoke() -> ResponseReturnValue:
        request.environ["emulators.kind"] = "oauth.revoke"
        sent = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        try:
            client = _client(sent if isinstance(sent, dict) else {})
            desk.revoke(client, str((sent or {}).get("token", "")))
        except OAuthRefusal as refusal:
            return jsonify(refusal.body()), refusal.status
        return jsonify({"statuscode": "200"})


def token_answer(store: Store, desk: TokenDesk, grant: Grant, access: str, refresh: str, hard: bool) -> dict[str, Any]:
    """What the token endpoint says of a new pair."""
    current = desk.find("refresh", refresh)
    answer: dict[str, Any] = {
        "token_type": "bearer",
        "expires_in": store.switches.number("access_token_seconds", grant.realm),
        "access_token": access,
        "refresh_token": refresh,
        "x_refresh_token_expires_in": round(current.expires - store.now()) if current is not None else 0,
    }
    if hard:
        answer["x_refresh_token_hard_expires_in"] = desk.hard_seconds_left(grant)
    if "openid" in grant.scope.split():
        answer["id_token"] = identity.id_token(store, store.public_url + ISSUER_PATH, grant.client, grant.realm)
    return answer


def _client(form: dict[str, Any]) -> str:
    """The authenticated app: HTTP Basic, or client id and secret in the form (both are in the discovery document)."""
    name, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(rest).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            name = ""
    if (name, secret) != (CLIENT_ID, CLIENT_SECRET):
        raise OAuthRefusal("invalid_client", status=401)
    return CLIENT_ID


def bearer_value() -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _add_identity(routes: Blueprint, store: Store, desk: TokenDesk) -> None:
    @routes.get("/v1/openid_connect/userinfo")
    def user_info() -> ResponseReturnValue:
        grant = desk.bearer(bearer_value())
        if grant is None or "openid" not in grant.scope.split():
            return jsonify({"error": "invalid_token"}), 401
        names = {"sub"}
        if "email" in grant.scope.split():
            names |= {"email", "emailVerified"}
        if "profile" in grant.scope.split():
            names |= {"givenName", "familyName"}
        return jsonify({name: value for name, value in identity.USER.items() if name in names})

    @routes.get(f"{ISSUER_PATH}/jwks")
    def keys() -> ResponseReturnValue:
        return jsonify(identity.key_set(store))
