"""Control addresses that count: calls per kind and company, refusals by the limits, faults, tokens."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from emulators.intuit.control_answers import answer
from emulators.intuit.limits import Limiter
from emulators.intuit.oauth import TokenDesk
from emulators.intuit.store import Body, Store


def add_traffic(routes: Blueprint, store: Store, desk: TokenDesk, limiter: Limiter) -> None:
    _add_calls(routes, store, limiter)
    _add_counts(routes, store, desk)


def _add_calls(routes: Blueprint, store: Store, limiter: Limiter) -> None:
    @routes.get("/calls")
    def calls() -> ResponseReturnValue:
        """Counted by address and status, and per company by kind; ?after= leaves out what was before."""
        after = request.args.get("after", 0, int)
        rows = store.ledger.query(
            "SELECT method, template, status, COUNT(*) AS n FROM call WHERE id > ? GROUP BY method, template, status",
            (after,),
        )
        counts = [
            {"method": r["method"], "template": r["template"], "status": r["status"], "count": r["n"]} for r in rows
        ]
        return answer(
            {
                "calls": counts,
                "throttled": sum(row["n"] for row in rows if row["status"] == 429),
                "refused_by_limits": limiter.refused,
                "realms": _by_realm(store, limiter, after),
                "last": store.ledger.value("SELECT COALESCE(MAX(id), 0) FROM call"),
            }
        )

    @routes.get("/calls/list")
    def call_list() -> ResponseReturnValue:
        after, limit = request.args.get("after", 0, int), request.args.get("limit", 1000, int)
        rows = store.ledger.query("SELECT * FROM call WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
        return answer({"calls": [_row(row) for row in rows]})


def _row(row: sqlite3.Row) -> dict[str, Any]:
    return dict(zip(row.keys(), tuple(row), strict=True))


def _by_realm(store: Store, limiter: Limiter, after: int) -> Body:
    rows = store.ledger.query(
        "SELECT realm, kind, status, COUNT(*) AS n, MIN(at) AS first, MAX(at) AS last FROM call "
        "WHERE id > ? AND realm <> '' GROUP BY realm, kind, status",
        (after,),
    )
    found: Body = {}
    for realm in store.realms():
        own = [row for row in rows if row["realm"] == realm]
        traffic = limiter.traffic().get(realm)
        kinds: Counter[str] = Counter()
        for row in own:
            kinds[row["kind"] or "refused before"] += row["n"]
        found[realm] = {
            "calls": sum(row["n"] for row in own),
            "kinds": dict(sorted(kinds.items())),
            "throttled": sum(row["n"] for row in own if row["status"] == 429),
            "refused_by": dict(traffic.refused) if traffic is not None else {},
            "in_flight": traffic.in_flight if traffic is not None else 0,
            "most_in_flight": traffic.most_in_flight if traffic is not None else 0,
            "first": min((row["first"] for row in own), default=0),
            "last": max((row["last"] for row in own), default=0),
        }
    return found


def _add_counts(routes: Blueprint, store: Store, desk: TokenDesk) -> None:
    @routes.get("/oauth")
    def oauth() -> ResponseReturnValue:
        """Per company: connections, refreshes, refusals and reuse of old refresh tokens; ?after= an event id."""
        after = request.args.get("after", int(store.ledger.setting("seeded_by_event", 0)), int)
        counted = {
            realm: _tokens(store, realm, after) | {"connected": desk.connected(realm)} for realm in store.realms()
        }
        return answer({"realms": counted, "unknown_token": _tokens(store, "", after)["invalid_grant"]})

    @routes.get("/hits")
    def hits() -> ResponseReturnValue:
        """How often each fault struck, removed rules included; ?after= an event id."""
        after = request.args.get("after", int(store.ledger.setting("seeded_by_event", 0)), int)
        rows = store.ledger.query("SELECT data FROM event WHERE kind = 'fault_hit' AND id > ?", (after,))
        struck = [json.loads(row["data"]) for row in rows]
        late = store.ledger.value("SELECT COUNT(*) FROM event WHERE kind = 'late_commit' AND id > ?", (after,))
        return answer({"hits": dict(sorted(Counter(hit["fault"] for hit in struck).items())), "late_commits": late})


def _tokens(store: Store, realm: str, after: int) -> Body:
    rows = store.ledger.query(
        "SELECT kind, data FROM event WHERE subject = ? AND id > ? AND kind LIKE 'oauth.%'", (realm, after)
    )
    data = [(row["kind"], json.loads(row["data"])) for row in rows]
    refreshed = [told for kind, told in data if kind == "oauth.refreshed"]
    refused = [told for kind, told in data if kind == "oauth.refresh_refused"]
    return {
        "connections": sum(1 for kind, _ in data if kind == "oauth.connected"),
        "refreshes": len(refreshed),
        "rotations": sum(1 for told in refreshed if told["rotated"]),
        "invalid_grant": len(refused),
        "reasons": dict(Counter(told["reason"] for told in refused)),
        "reused": sum(1 for told in refreshed if told["reused"]) + sum(1 for t in refused if t["reason"] == "reused"),
        "revocations": sum(1 for kind, _ in data if kind == "oauth.revoked"),
    }
