"""Control API for applications and their tokens: permissions, expiry, revocation, counts. Not part of Procore."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from emulators.procore.control_invoices import body_object, tell_errors
from emulators.procore.emulation import Emulation

_COUNTED = {"refresh_reused": "reuses", "refresh_refused": "refused", "token_revoked": "revoked"}
_ALL_COUNTS = ("client_credentials", "authorization_code", "refreshes", *_COUNTED.values())


def control_clients_api(emulation: Emulation) -> Blueprint:
    api = Blueprint("control_clients", __name__, url_prefix="/_emulator")
    tell_errors(api)
    _add_clients(api, emulation)
    _add_tokens(api, emulation)
    _add_rates(api, emulation)
    return api


def _add_clients(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/clients")
    def clients() -> ResponseReturnValue:
        rows = emulation.ledger.query("SELECT * FROM client ORDER BY client_id")
        return jsonify([_client(dict(row)) for row in rows])

    @api.patch("/clients/<client_id>")
    def change_client(client_id: str) -> ResponseReturnValue:
        """permitted_projects (list of ids, or null for all), companies (where the app is connected), secret."""
        wanted = body_object()
        with emulation.ledger.writing() as db:
            for name in ("permitted_projects", "companies"):
                if name in wanted:
                    # The name is one of the two constants above.
                    db.execute(
                        f"UPDATE client SET {name} = ? WHERE client_id = ?",  # noqa: S608
                        (json.dumps(wanted[name]), client_id),
                    )
            if "secret" in wanted:
                db.execute("UPDATE client SET secret = ? WHERE client_id = ?", (wanted["secret"], client_id))
            emulation.ledger.append("client_changed", client_id, {k: v for k, v in wanted.items() if k != "secret"})
        row = emulation.ledger.one("SELECT * FROM client WHERE client_id = ?", (client_id,))
        return (jsonify({"error": "there is no such client"}), 404) if row is None else jsonify(_client(dict(row)))


def _add_tokens(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/oauth")
    def counts() -> ResponseReturnValue:
        """Since the last reset, for each client: tokens by grant, refreshes, reuses, refused refreshes, revocations."""
        begun = int(emulation.ledger.setting("begun_at_event", 0))
        found: dict[str, dict[str, int]] = {}
        for kind in ("token_issued", *_COUNTED):
            for event in emulation.ledger.events(after=begun, kind=kind, limit=1_000_000):
                of_client = found.setdefault(event["subject"], dict.fromkeys(_ALL_COUNTS, 0))
                name = _COUNTED.get(kind) or event["data"]["grant"]
                of_client["refreshes" if name == "refresh_token" else name] += 1
        total = {name: sum(one[name] for one in found.values()) for name in _ALL_COUNTS}
        return jsonify({**total, "clients": found})

    @api.post("/tokens/expire")
    def expire() -> ResponseReturnValue:
        """All access tokens are expired at once; refresh tokens stay good."""
        touched = emulation.ledger.execute("UPDATE token SET expires = 0 WHERE revoked = 0")
        return jsonify({"expired": touched})

    @api.post("/tokens/revoke")
    def revoke() -> ResponseReturnValue:
        """{"client_id", "user_id"}: access and refresh tokens end, as when somebody withdraws the permission."""
        wanted = body_object()
        client_id, user_id = wanted.get("client_id"), wanted.get("user_id")
        touched = emulation.ledger.execute(
            "UPDATE token SET revoked = 1, refresh_used = 2 WHERE (? IS NULL OR client_id = ?)"
            " AND (? IS NULL OR user_id = ?)",
            (client_id, client_id, user_id, user_id),
        )
        return jsonify({"revoked": touched})


def _add_rates(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/rate_limits")
    def report() -> ResponseReturnValue:
        """Calls counted and 429s given since the start, for each company: {"companies": {id: {"calls", "refused"}}}."""
        return jsonify({"companies": emulation.rates.report()})

    @api.delete("/rate_limits")
    def clear() -> ResponseReturnValue:
        """Begin all windows and counts again."""
        emulation.rates.clear()
        return jsonify({})


def _client(row: dict[str, Any]) -> dict[str, Any]:
    row.pop("secret")
    return {**row, **{name: json.loads(row[name]) for name in ("companies", "permitted_projects")}}
