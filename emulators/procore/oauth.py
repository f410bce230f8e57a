"""The login service: authorize, token, revoke, token info.

Procore: tokens live 5400 s; client credentials give no refresh token; a refresh token is used once (reference 4.2).
"""

from __future__ import annotations

import base64
import secrets
import sqlite3
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from emulators.procore.emulation import Emulation

_CODE_SECONDS = 600


def login_pages(emulation: Emulation) -> Blueprint:
    pages = Blueprint("oauth", __name__)

    @pages.get("/oauth/authorize")
    def ask() -> ResponseReturnValue:
        problem = _authorize_problem(emulation, request.args.to_dict())
        if problem:
            return render_template("procore_message.html", heading="Cannot authorize", message=problem), 401
        people = [u for u in emulation.storage.every("user") if u.get("kind") == "staff"]
        if emulation.switches["authorize_without_asking"]:
            return _granted(emulation, request.args.to_dict(), int(people[0]["id"]))
        return render_template("procore_authorize.html", wanted=request.args.to_dict(), people=people)

    @pages.post("/oauth/authorize")
    def decide() -> ResponseReturnValue:
        form = request.form.to_dict()
        problem = _authorize_problem(emulation, form)
        if problem:
            return render_template("procore_message.html", heading="Cannot authorize", message=problem), 401
        if form.get("decision") != "allow":
            return _back(form, {"error": "access_denied", "error_description": "The user denied the request."})
        return _granted(emulation, form, int(form["user_id"]))

    @pages.post("/oauth/token")
    def token() -> ResponseReturnValue:
        return _token(emulation, _parameters())

    @pages.post("/oauth/revoke")
    def revoke() -> ResponseReturnValue:
        """200 even for a token that does not exist (reference 4.2)."""
        wanted = _parameters()
        if _client(emulation, wanted) is None:
            return _error("unauthorized_client", "Client authentication failed.", 403)
        text = str(wanted.get("token", ""))
        emulation.ledger.execute(
            "UPDATE token SET revoked = 1, refresh_used = 1 WHERE access = ? OR refresh = ?", (text, text)
        )
        emulation.ledger.append("token_revoked", wanted.get("client_id", ""))
        return jsonify({})

    @pages.get("/oauth/token/info")
    def info() -> ResponseReturnValue:
        found = valid_token(emulation, request.headers.get("Authorization", ""))
        if found is None:
            return _error("invalid_token", "The access token is invalid or expired.", 401)
        return jsonify(
            {
                "resource_owner_id": found["user_id"],
                "scopes": [],
                "expires_in_seconds": int(found["expires"] - emulation.clock.epoch()),
                "application": {"uid": found["client_id"]},
                "created_at": int(found["created"]),
            }
        )

    return pages


def valid_token(emulation: Emulation, authorization: str) -> sqlite3.Row | None:
    """The token of a bearer header, unless it is unknown, expired or revoked."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "bearer" or not text:
        return None
    row = emulation.ledger.one("SELECT * FROM token WHERE access = ?", (text.strip(),))
    if row is None or row["revoked"] or row["expires"] <= emulation.clock.epoch():
        return None
    return row


def _parameters() -> dict[str, Any]:
    """JSON or form body, with the client from a Basic header if there is one."""
    body = request.get_json(silent=True) if request.is_json else request.form.to_dict()
    wanted = dict(body) if isinstance(body, dict) else {}
    if request.authorization is not None and request.authorization.type == "basic":
        wanted.setdefault("client_id", request.authorization.username)
        wanted.setdefault("client_secret", request.authorization.password)
    return wanted


def _client(emulation: Emulation, wanted: dict[str, Any]) -> sqlite3.Row | None:
    row = emulation.ledger.one("SELECT * FROM client WHERE client_id = ?", (str(wanted.get("client_id", "")),))
    if row is None or not secrets.compare_digest(str(row["secret"]), str(wanted.get("client_secret", ""))):
        return None
    return row


def _token(emulation: Emulation, wanted: dict[str, Any]) -> ResponseReturnValue:
    grant = wanted.get("grant_type")
    if not grant:
        return _error("invalid_request", "Missing required parameter: grant_type.", 400)
    client = _client(emulation, wanted)
    if client is None:
        return _error("invalid_client", "Client authentication failed.", 401)
    if grant == "client_credentials":
        return _issued(emulation, client["client_id"], client["user_id"], grant, renewable=False)
    if grant == "authorization_code":
        return _redeemed(emulation, client, wanted)
    if grant == "refresh_token":
        return _refreshed(emulation, client, wanted)
    return _error("unsupported_grant_type", "The authorization grant type is not supported.", 400)


def _redeemed(emulation: Emulation, client: sqlite3.Row, wanted: dict[str, Any]) -> ResponseReturnValue:
    """Procore: a code is good once, for 10 minutes."""
    with emulation.ledger.writing() as db:
        used = db.execute(
            "UPDATE code SET used = 1 WHERE code = ? AND client_id = ? AND used = 0 AND expires > ?"
            " AND redirect_uri = ?",
            (
                str(wanted.get("code", "")),
                client["client_id"],
                emulation.clock.epoch(),
                str(wanted.get("redirect_uri", "")),
            ),
        ).rowcount
        if not used:
            return _invalid_grant(emulation)
        user_id = emulation.ledger.value("SELECT user_id FROM code WHERE code = ?", (str(wanted["code"]),))
        return _issued(emulation, client["client_id"], user_id, "authorization_code", renewable=True)


def _refreshed(emulation: Emulation, client: sqlite3.Row, wanted: dict[str, Any]) -> ResponseReturnValue:
    text = str(wanted.get("refresh_token", ""))
    with emulation.ledger.writing() as db:
        used = db.execute(
            "UPDATE token SET refresh_used = 1, revoked = 1 WHERE refresh = ? AND client_id = ? AND refresh_used = 0",
            (text, client["client_id"]),
        ).rowcount
        if not used:
            emulation.ledger.append("refresh_refused", client["client_id"])
            return _invalid_grant(emulation)
        user_id = emulation.ledger.value("SELECT user_id FROM token WHERE refresh = ?", (text,))
        return _issued(emulation, client["client_id"], user_id, "refresh_token", renewable=True)


def _issued(emulation: Emulation, client_id: str, user_id: int, grant: str, *, renewable: bool) -> ResponseReturnValue:
    seconds = float(emulation.switches["token_seconds"])
    now = emulation.clock.epoch()
    header = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"ES512"}').decode().rstrip("=")
    access = f"{header}.{secrets.token_urlsafe(40)}.{secrets.token_urlsafe(32)}"
    refresh = secrets.token_urlsafe(32) if renewable else None
    with emulation.ledger.writing() as db:
        db.execute(
            "INSERT INTO token (access, refresh, client_id, user_id, grant_type, created, expires)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (access, refresh, client_id, user_id, grant, now, now + seconds),
        )
        emulation.ledger.append("token_issued", client_id, {"grant": grant, "user_id": user_id})
    answer: dict[str, Any] = {
        "access_token": access,
        "token_type": "bearer",
        "expires_in": int(seconds),
        "created_at": int(now),
    }
    if refresh is not None:
        answer["refresh_token"] = refresh
    response = jsonify(answer)
    response.headers["Cache-Control"] = "no-store"
    return response


def _authorize_problem(emulation: Emulation, wanted: dict[str, str]) -> str:
    known = emulation.ledger.one("SELECT 1 FROM client WHERE client_id = ?", (wanted.get("client_id", ""),))
    if known is None:
        return "Client authentication failed due to unknown client."
    if wanted.get("response_type") != "code":
        return "The authorization server does not support this response type."
    if not wanted.get("redirect_uri"):
        return "The redirect URI is missing."
    return ""


def _granted(emulation: Emulation, wanted: dict[str, str], user_id: int) -> ResponseReturnValue:
    code = secrets.token_urlsafe(24)
    emulation.ledger.execute(
        "INSERT INTO code (code, client_id, user_id, redirect_uri, expires) VALUES (?, ?, ?, ?, ?)",
        (code, wanted["client_id"], user_id, wanted["redirect_uri"], emulation.clock.epoch() + _CODE_SECONDS),
    )
    return _back(wanted, {"code": code})


def _back(wanted: dict[str, str], answer: dict[str, str]) -> ResponseReturnValue:
    if wanted.get("state"):
        answer["state"] = wanted["state"]
    address = wanted["redirect_uri"]
    return redirect(f"{address}{'&' if '?' in address else '?'}{urlencode(answer)}", 302)


def _invalid_grant(emulation: Emulation) -> ResponseReturnValue:
    message = "The provided authorization grant is invalid, expired, revoked, or was issued to another client."
    return _error("invalid_grant", message, int(emulation.switches["invalid_grant_status"]))


def _error(error: str, description: str, status: int) -> ResponseReturnValue:
    return jsonify({"error": error, "error_description": description}), status
