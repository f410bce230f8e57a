"""Tables of the Procore emulator and the plain reading and writing of its objects."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any

from emulators.shared.ledger import Ledger

SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    kind TEXT NOT NULL, id INTEGER NOT NULL, company_id INTEGER, project_id INTEGER, parent_id INTEGER,
    data TEXT NOT NULL, PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS document_project ON document (kind, project_id, id);
CREATE INDEX IF NOT EXISTS document_company ON document (kind, company_id, id);
CREATE TABLE IF NOT EXISTS client (
    client_id TEXT PRIMARY KEY, secret TEXT NOT NULL, user_id INTEGER NOT NULL, companies TEXT NOT NULL,
    permitted_projects TEXT NOT NULL DEFAULT 'null'
);
CREATE TABLE IF NOT EXISTS token (
    access TEXT PRIMARY KEY, refresh TEXT, client_id TEXT NOT NULL, user_id INTEGER NOT NULL, grant_type TEXT NOT NULL,
    created REAL NOT NULL, expires REAL NOT NULL, revoked INTEGER NOT NULL DEFAULT 0,
    refresh_used INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS token_refresh ON token (refresh);
CREATE TABLE IF NOT EXISTS token_family (access TEXT PRIMARY KEY, family TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS code (
    code TEXT PRIMARY KEY, client_id TEXT NOT NULL, user_id INTEGER NOT NULL, redirect_uri TEXT NOT NULL,
    expires REAL NOT NULL, used INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS invoice (
    id INTEGER PRIMARY KEY, company_id INTEGER NOT NULL, project_id INTEGER NOT NULL, commitment_id INTEGER NOT NULL,
    vendor_id INTEGER, number INTEGER NOT NULL, status TEXT NOT NULL, invoice_number TEXT NOT NULL,
    period_id INTEGER, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, origin_id TEXT, created_by INTEGER,
    approved_at TEXT, verbatim INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1, basis TEXT NOT NULL, header TEXT NOT NULL, items TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS invoice_project ON invoice (project_id, id);
CREATE INDEX IF NOT EXISTS invoice_commitment ON invoice (commitment_id, number);
CREATE INDEX IF NOT EXISTS invoice_status ON invoice (status);
CREATE TABLE IF NOT EXISTS invoice_version (
    invoice_id INTEGER NOT NULL, version INTEGER NOT NULL, header TEXT NOT NULL, items TEXT NOT NULL,
    detail TEXT NOT NULL, PRIMARY KEY (invoice_id, version)
);
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY, invoice_id INTEGER NOT NULL, field TEXT NOT NULL, old_value TEXT, new_value TEXT,
    user_id INTEGER, at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS history_invoice ON history (invoice_id, id);
CREATE TABLE IF NOT EXISTS attachment (
    id INTEGER PRIMARY KEY, invoice_id INTEGER NOT NULL, filename TEXT NOT NULL, content_type TEXT NOT NULL,
    title TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS attachment_trait (attachment_id INTEGER PRIMARY KEY, traits TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS direct_cost (
    id INTEGER PRIMARY KEY, company_id INTEGER NOT NULL, project_id INTEGER NOT NULL, vendor_id INTEGER,
    kind TEXT NOT NULL, status TEXT NOT NULL, invoice_number TEXT NOT NULL, created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL, origin_id TEXT, deleted_at TEXT, version INTEGER NOT NULL DEFAULT 1, facts TEXT NOT NULL,
    lines TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS direct_cost_project ON direct_cost (project_id, id);
CREATE TABLE IF NOT EXISTS direct_cost_version (
    direct_cost_id INTEGER NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL, updated_at TEXT NOT NULL,
    invoice_number TEXT NOT NULL, origin_id TEXT, vendor_id INTEGER, facts TEXT NOT NULL, lines TEXT NOT NULL,
    PRIMARY KEY (direct_cost_id, version)
);
CREATE TABLE IF NOT EXISTS hook (
    id INTEGER PRIMARY KEY, company_id INTEGER NOT NULL, project_id INTEGER, status TEXT NOT NULL,
    payload_version TEXT NOT NULL, namespace TEXT NOT NULL, destination_url TEXT NOT NULL,
    authorization TEXT NOT NULL DEFAULT '', user_id INTEGER, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS hook_trigger (
    id INTEGER PRIMARY KEY, hook_id INTEGER NOT NULL REFERENCES hook (id) ON DELETE CASCADE,
    resource_name TEXT NOT NULL, event_type TEXT NOT NULL, UNIQUE (hook_id, resource_name, event_type)
);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT, hook_id INTEGER NOT NULL, event_id TEXT NOT NULL, copy INTEGER NOT NULL,
    status TEXT NOT NULL, resource_name TEXT NOT NULL, event_type TEXT NOT NULL, resource_id TEXT NOT NULL,
    body TEXT NOT NULL, enqueued_at TEXT NOT NULL, finished_at TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    response_status INTEGER
);
CREATE INDEX IF NOT EXISTS delivery_hook ON delivery (hook_id, id);
CREATE INDEX IF NOT EXISTS delivery_resource ON delivery (resource_id, id);
CREATE TABLE IF NOT EXISTS attempt (
    id INTEGER PRIMARY KEY AUTOINCREMENT, delivery_id INTEGER NOT NULL, outcome TEXT NOT NULL,
    started_at TEXT NOT NULL, completed_at TEXT NOT NULL, response_status INTEGER, response_body TEXT NOT NULL,
    response_error TEXT NOT NULL, response_headers TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS attempt_delivery ON attempt (delivery_id, id);
"""

_TABLES = (
    "document",
    "client",
    "token",
    "token_family",
    "code",
    "invoice",
    "invoice_version",
    "history",
    "attachment",
    "attachment_trait",
    "direct_cost",
    "direct_cost_version",
    "hook_trigger",
    "hook",
    "delivery",
    "attempt",
)
# Procore: live ids need more than 32 bits and look like 562949953443325 (reference 4.1).
_FIRST_ID = 562949953610000
_ID_BLOCK = 500


class Storage:
    """Objects of the emulated company; amounts inside are text, as on the wire."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._id_lock = threading.Lock()
        self._next_id = self._reserved = int(ledger.setting("next_id", _FIRST_ID))
        self._kept: dict[str, int] = {}

    @property
    def empty(self) -> bool:
        return bool(self.ledger.value("SELECT COUNT(*) FROM client") == 0)

    def clear(self) -> None:
        """Forget every object; the history of events stays."""
        with self.ledger.writing() as db:
            for table in _TABLES:
                # The names are the constants above.
                db.execute(f"DELETE FROM {table}")  # noqa: S608
            self.ledger.set_setting("next_id", _FIRST_ID)
            self._next_id = self._reserved = _FIRST_ID

    def keep(self, name: str) -> None:
        """Remember every object as it is now, for as long as this process lives; `bring_back` returns to it."""
        with self.ledger.writing() as db:
            for table in _TABLES:
                db.execute(f'DROP TABLE IF EXISTS temp."{name}_{table}"')
                db.execute(f'CREATE TEMP TABLE "{name}_{table}" AS SELECT * FROM main.{table}')  # noqa: S608
            self._kept[name] = self._next_id

    def keeps(self, name: str) -> bool:
        return name in self._kept

    def bring_back(self, name: str) -> None:
        """Have the objects that were kept under this name, where there are none now."""
        with self.ledger.writing() as db:
            for table in reversed(_TABLES):
                db.execute(f'INSERT INTO main.{table} SELECT * FROM temp."{name}_{table}"')  # noqa: S608
            self._next_id = self._reserved = self._kept[name]

    def new_id(self) -> int:
        """A fresh 15-digit id; blocks of them are reserved, so a restart never repeats one."""
        with self._id_lock:
            if self._next_id >= self._reserved:
                self._reserved = self._next_id + _ID_BLOCK
                self.ledger.set_setting("next_id", self._reserved)
            self._next_id += 1
            return self._next_id

    def put(
        self,
        kind: str,
        data: dict[str, Any],
        *,
        company_id: int | None = None,
        project_id: int | None = None,
        parent_id: int | None = None,
    ) -> dict[str, Any]:
        """Add or replace a document: company, project, user, vendor, cost_code, period, commitment or payment."""
        self.ledger.execute(
            "INSERT INTO document (kind, id, company_id, project_id, parent_id, data) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET company_id = excluded.company_id,"
            " project_id = excluded.project_id, parent_id = excluded.parent_id, data = excluded.data",
            (kind, data["id"], company_id, project_id, parent_id, json.dumps(data)),
        )
        return data

    def get(self, kind: str, document_id: int | str | None) -> dict[str, Any] | None:
        row = self.ledger.one("SELECT data FROM document WHERE kind = ? AND id = ?", (kind, document_id))
        return None if row is None else json.loads(row["data"])

    def need(self, kind: str, document_id: int | str | None) -> dict[str, Any]:
        """A document that must be there."""
        found = self.get(kind, document_id)
        if found is None:
            raise KeyError(f"there is no {kind} {document_id}")
        return found

    def remove(self, kind: str, document_id: int) -> None:
        self.ledger.execute("DELETE FROM document WHERE kind = ? AND id = ?", (kind, document_id))

    def company_of(self, kind: str, document_id: int | str | None) -> int | None:
        value = self.ledger.value("SELECT company_id FROM document WHERE kind = ? AND id = ?", (kind, document_id))
        return None if value is None else int(value)

    def every(
        self,
        kind: str,
        *,
        company_id: int | None = None,
        project_id: int | None = None,
        parent_id: int | None = None,
    ) -> list[dict[str, Any]]:
        clauses, parameters = ["kind = ?"], [kind]  # type: tuple[list[str], list[Any]]
        for column, value in (("company_id", company_id), ("project_id", project_id), ("parent_id", parent_id)):
            if value is not None:
                clauses.append(f"{column} = ?")
                parameters.append(value)
        # Column names are the constants above; every value goes as a parameter.
        rows = self.ledger.query(
            f"SELECT data FROM document WHERE {' AND '.join(clauses)} ORDER BY id",  # noqa: S608
            parameters,
        )
        return [json.loads(row["data"]) for row in rows]

    def add_client(self, client_id: str, secret: str, user_id: int, companies: Iterable[int]) -> None:
        self.ledger.execute(
            "INSERT INTO client (client_id, secret, user_id, companies) VALUES (?, ?, ?, ?)",
            (client_id, secret, user_id, json.dumps(list(companies))),
        )
