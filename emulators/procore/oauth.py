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
# Values of token.refresh_used beside 0.
_USED, _REVOKED = 1, 2


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
            "UPDATE token SET revoked = 1, refresh_used = ? WHERE access = ? OR refresh = ?", (_REVOKED, text, text)
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
        old = db.execute(
            "SELECT * FROM token WHERE refresh = ? AND client_id = ?", (text, client["client_id"])
        ).fetchone()
        if old is None or old["refresh_used"]:
            _refused_refresh(emulation, client["client_id"], old)
            return _invalid_grant(emulation)
        ended = 1 if emulation.switches["refresh_ends_old_access"] else 0
        db.execute("UPDATE token SET refresh_used = ?, revoked = ? WHERE refresh = ?", (_USED, ended, text))
        family = _family(emulation, old["access"])
        return _issued(emulation, client["client_id"], old["user_id"], "refresh_token", renewable=True, family=family)


def _refused_refresh(emulation: Emulation, client_id: str, old: sqlite3.Row | None) -> None:
    """Procore: a refresh token is good once; what a second use does to the tokens that came from it is not said."""
    if old is None or old["refresh_used"] != _USED:
        emulation.ledger.append("refresh_refused", client_id)
        return
    emulation.ledger.append("refresh_reused", client_id, {"user_id": old["user_id"]})
    if emulation.switches["refresh_reuse_revokes"]:
        emulation.ledger.execute(
            "UPDATE token SET revoked = 1, refresh_used = ? WHERE access IN"
            " (SELECT access FROM token_family WHERE family = ?)",
            (_REVOKED, _family(emulation, old["access"])),
        )


def _family(emulation: Emulation, access: str) -> str:
    """The login that a token goes back to."""
    found = emulation.ledger.value("SELECT family FROM token_family WHERE access = ?", (access,))
    return str(found or access)


def _issued(
    emulation: Emulation, client_id: str, user_id: int, grant: str, *, renewable: bool, family: str = ""
) -> ResponseReturnValue:
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
        db.execute("INSERT INTO token_family (access, family) VALUES (?, ?)", (access, family or access))
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
