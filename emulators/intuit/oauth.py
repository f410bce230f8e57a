"""Authorization codes, access tokens and refresh tokens.

Intuit: access tokens live 3600 s, refresh tokens 100 days, at most five years altogether; the refresh token changes and
its old value is refused (qbo.md sections 1.3 to 1.5).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass

from emulators.intuit.store import Store

CLIENT_ID, CLIENT_SECRET = "demo-qbo-client", "demo-qbo-secret"
DAY = 86400
SCOPES = (
    "com.intuit.quickbooks.accounting",
    "com.intuit.quickbooks.payment",
    "project-management.project",
    "openid",
    "profile",
    "email",
    "phone",
    "address",
)


class OAuthRefusal(Exception):
    """An error of the token endpoint, in the form OAuth 2.0 gives it."""

    def __init__(self, error: str, description: str = "", status: int = 400) -> None:
        super().__init__(description or error)
        self.error = error
        self.description = description
        self.status = status

    def body(self) -> dict[str, str]:
        return {"error": self.error, **({"error_description": self.description} if self.description else {})}


@dataclass
class Grant:
    """A code or token. `first_at` is the moment of consent, from which the hard limit counts."""

    client: str
    realm: str
    scope: str
    issued: float
    expires: float
    first_at: float
    redirect_uri: str = ""
    chain: str = ""
    replaced_at: float = 0
    revoked: bool = False


class TokenDesk:
    """Issues and checks everything that proves consent; kept in the ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def issue_code(self, client: str, realm: str, scope: str, redirect_uri: str) -> str:
        now = self._store.now()
        lifetime = self._store.switches.number("code_lifetime_seconds")
        code = "AB1" + secrets.token_urlsafe(40)
        grant = Grant(client, realm, scope, now, now + lifetime, now, redirect_uri, secrets.token_hex(8))
        self._keep("code", code, grant)
        self._store.ledger.append("oauth.authorized", realm, {"client": client, "scope": scope})
        return code

    def exchange_code(self, client: str, code: str, redirect_uri: str) -> tuple[Grant, str, str]:
        """The consent with a new access and refresh token; a code works once."""
        with self._store.ledger.writing() as db:
            grant = self.find("code", code)
            if grant is None or grant.client != client or grant.expires < self._store.now():
                raise OAuthRefusal("invalid_grant", "Invalid or expired authorization code")
            if grant.redirect_uri != redirect_uri:
                raise OAuthRefusal("invalid_grant", "Redirect URI does not match the one of the authorization request")
            db.execute("DELETE FROM token WHERE kind = 'code' AND value = ?", (code,))
            refresh = self._new_refresh(grant)
            access = self._new_access(grant)
            self._store.ledger.append("oauth.connected", grant.realm, {"client": client, "scope": grant.scope})
        return grant, access, refresh

    def refresh(self, client: str, value: str) -> tuple[Grant, str, str]:
        """A new access token, and a new refresh token when it is time for one."""
        with self._store.ledger.writing():
            grant = self.find("refresh", value)
            reason = self._why_refused(client, grant)
            if grant is not None and not reason:
                return self._renewed(client, grant, value)
            # The refusal is raised outside the transaction, so that what is written here stays.
            realm = grant.realm if grant else ""
            self._store.ledger.append("oauth.refresh_refused", realm, {"client": client, "reason": reason})
            if grant is not None and reason == "reused" and self._old_token(grant) == "refused_and_ends_all":
                self.disconnect(grant.realm, "reuse", client)
        raise OAuthRefusal("invalid_grant", "Incorrect or invalid refresh token")

    def _renewed(self, client: str, grant: Grant, value: str) -> tuple[Grant, str, str]:
        now, reused = self._store.now(), bool(grant.replaced_at)
        every = self._store.switches.text("refresh_rotation", grant.realm) == "every_refresh"
        rotates = every or now - grant.issued >= DAY
        if rotates and not grant.replaced_at:
            grant.replaced_at = now
            self._keep("refresh", value, grant)
        if not rotates:
            # The same value lives on; using it renews the 100 days.
            grant.expires = now + self._store.switches.number("refresh_idle_seconds", grant.realm)
            self._keep("refresh", value, grant)
        kept = self._new_refresh(grant) if rotates else value
        access = self._new_access(grant)
        told = {"client": client, "rotated": rotates, "reused": reused}
        self._store.ledger.append("oauth.refreshed", grant.realm, told)
        return grant, access, kept

    def revoke(self, client: str, value: str) -> None:
        """Either token ends the whole connection."""
        grant = self.find("refresh", value) or self.find("access", value)
        if grant is None or grant.client != client:
            raise OAuthRefusal("invalid_request")
        self.disconnect(grant.realm, "app", client)

    def disconnect(self, realm: str, by: str, client: str = "") -> int:
        """End every token of a company; answer how many there were."""
        ended = 0
        with self._store.ledger.writing() as db:
            for row in db.execute("SELECT value, kind, data FROM token").fetchall():
                grant = Grant(**json.loads(row["data"]))
                if grant.realm == realm and not grant.revoked and client in ("", grant.client):
                    grant.revoked = True
                    self._keep(row["kind"], row["value"], grant)
                    ended += 1
            self._store.ledger.append("oauth.revoked", realm, {"by": by, "tokens": ended})
        return ended

    def expire(self, realm: str, kind: str) -> int:
        """Let the access or refresh tokens of a company end now; answer how many there were."""
        ended, now = 0, self._store.now()
        with self._store.ledger.writing() as db:
            for row in db.execute("SELECT value, data FROM token WHERE kind = ?", (kind,)).fetchall():
                grant = Grant(**json.loads(row["data"]))
                if grant.realm == realm and grant.expires > now:
                    grant.expires = now
                    self._keep(kind, row["value"], grant)
                    ended += 1
            self._store.ledger.append("oauth.expired", realm, {"kind": kind, "tokens": ended})
        return ended

    def hard_seconds_left(self, grant: Grant) -> int:
        """Intuit: a consent ends after five years, however often it was refreshed."""
        most = self._store.switches.number("refresh_hard_seconds", grant.realm)
        return round(grant.first_at + most - self._store.now())

    def bearer(self, value: str) -> Grant | None:
        """The consent behind a valid access token."""
        grant = self.find("access", value)
        if grant is None or grant.revoked or grant.expires <= self._store.now():
            return None
        return grant

    def find(self, kind: str, value: str) -> Grant | None:
        row = self._store.ledger.one("SELECT data FROM token WHERE kind = ? AND value = ?", (kind, value))
        return None if row is None else Grant(**json.loads(row["data"]))

    def connected(self, realm: str) -> int:
        """How many refresh tokens of a company still work."""
        now = self._store.now()
        rows = self._store.ledger.query("SELECT data FROM token WHERE kind = 'refresh'")
        grants = (Grant(**json.loads(row["data"])) for row in rows)
        return sum(1 for grant in grants if grant.realm == realm and self._usable(grant, now))

    def _why_refused(self, client: str, grant: Grant | None) -> str:
        """Why a refresh token is worth nothing: unknown, foreign, forced, revoked, expired, hard_expired, reused."""
        if grant is None:
            return "unknown"
        if grant.client != client:
            return "foreign"
        if self._store.switches.text("refresh_tokens", grant.realm) == "refused":
            return "forced"
        return self._spent(grant, self._store.now())

    def _usable(self, grant: Grant, now: float) -> bool:
        return not self._spent(grant, now)

    def _spent(self, grant: Grant, now: float) -> str:
        if grant.revoked:
            return "revoked"
        if grant.expires <= now:
            return "expired"
        if self.hard_seconds_left(grant) <= 0:
            return "hard_expired"
        if not grant.replaced_at:
            return ""
        grace = self._store.switches.number("old_refresh_token_seconds", grant.realm)
        old_lives = self._old_token(grant) == "valid_24h" and now < grant.replaced_at + grace
        return "" if old_lives else "reused"

    def _old_token(self, grant: Grant) -> str:
        return self._store.switches.text("old_refresh_token", grant.realm)

    def _new_access(self, grant: Grant) -> str:
        now = self._store.now()
        value = "eyJ" + secrets.token_urlsafe(48)
        seconds = self._store.switches.number("access_token_seconds", grant.realm)
        issued = Grant(grant.client, grant.realm, grant.scope, now, now + seconds, grant.first_at, chain=grant.chain)
        self._keep("access", value, issued)
        return value

    def _new_refresh(self, grant: Grant) -> str:
        now = self._store.now()
        value = "RT1-" + secrets.token_urlsafe(32)
        idle = self._store.switches.number("refresh_idle_seconds", grant.realm)
        issued = Grant(grant.client, grant.realm, grant.scope, now, now + idle, grant.first_at, chain=grant.chain)
        self._keep("refresh", value, issued)
        return value

    def _keep(self, kind: str, value: str, grant: Grant) -> None:
        self._store.ledger.execute(
            "INSERT OR REPLACE INTO token (value, kind, data) VALUES (?, ?, ?)",
            (value, kind, json.dumps(asdict(grant))),
        )
