"""The objects of all companies: in memory for speed, in the SQLite ledger for keeps, every change an event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from emulators.intuit import json_text
from emulators.intuit.switches import RealmSwitches
from emulators.shared.clock import Clock
from emulators.shared.ledger import Ledger

Body = dict[str, Any]

# The service writes its times with the Pacific offset (all samples of the reference do).
PACIFIC = timezone(timedelta(hours=-7))

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    realm TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, sync INTEGER NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, deleted INTEGER NOT NULL,
    request_id TEXT NOT NULL, body TEXT NOT NULL, authors TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (realm, kind, id)
);
CREATE TABLE IF NOT EXISTS reply (
    realm TEXT NOT NULL, request_id TEXT NOT NULL, at REAL NOT NULL, status INTEGER NOT NULL,
    fingerprint TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (realm, request_id)
);
CREATE TABLE IF NOT EXISTS call (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, realm TEXT NOT NULL, method TEXT NOT NULL,
    path TEXT NOT NULL, template TEXT NOT NULL, status INTEGER NOT NULL, tid TEXT NOT NULL,
    request_id TEXT NOT NULL, fault TEXT NOT NULL, milliseconds REAL NOT NULL, kind TEXT NOT NULL DEFAULT ''
);
CREATE TRIGGER IF NOT EXISTS call_never_changes BEFORE UPDATE ON call
    BEGIN SELECT RAISE(ABORT, 'the call table is append-only'); END;
CREATE TRIGGER IF NOT EXISTS call_never_goes BEFORE DELETE ON call
    BEGIN SELECT RAISE(ABORT, 'the call table is append-only'); END;
CREATE TABLE IF NOT EXISTS file (realm TEXT NOT NULL, id TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (realm, id));
CREATE TABLE IF NOT EXISTS token (value TEXT PRIMARY KEY, kind TEXT NOT NULL, data TEXT NOT NULL);
"""

# Columns that ledgers of an older emulator lack.
_LATER_COLUMNS = (("object", "authors", "TEXT NOT NULL DEFAULT '{}'"), ("call", "kind", "TEXT NOT NULL DEFAULT ''"))

# Vendors, customers and employees are rows of one list of names; transactions have one sequence of ids too.
_NAMES = dict.fromkeys(("Vendor", "Customer", "Employee"), "names")
_SEQUENCES = {**_NAMES, "Bill": "txn", "BillPayment": "txn", "VendorCredit": "txn"}
_FIRST = {"Attachable": 5000, "txn": 101}
_KEPT_VERSIONS = 5


@dataclass(frozen=True)
class Origin:
    """Who changes something: the connected app, or a person in QuickBooks behind its back."""

    by: str = "app"
    request_id: str = ""
    # The change only follows from a payment.
    payment: bool = False

    @property
    def author(self) -> str:
        """How the ledger calls it: api, hand or seed."""
        return {"app": "api", "bookkeeper": "hand"}.get(self.by, self.by)


@dataclass
class Version:
    """A former state, for stale reads."""

    until: float
    sync: int
    updated: float
    deleted: bool
    body: Body


@dataclass
class Record:
    realm: str
    kind: str
    id: str
    sync: int
    created: float
    updated: float
    deleted: bool
    request_id: str
    body: Body
    versions: list[Version] = field(default_factory=list)
    # created, updated, deleted: by whom last; updated_request_id, deleted_request_id: under which key.
    authors: dict[str, str] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        return bool(self.body.get("Active", True))

    def as_json(self) -> Body:
        """The object as the API shows it."""
        return {
            "Id": self.id,
            "SyncToken": str(self.sync),
            "domain": "QBO",
            "sparse": False,
            "MetaData": {"CreateTime": pacific(self.created), "LastUpdatedTime": pacific(self.updated)},
            **self.body,
        }

    def as_of(self, moment: float) -> Record | None:
        """The record as it stood then; None if it did not exist."""
        if self.created > moment:
            return None
        for version in self.versions:
            if version.until > moment:
                return Record(
                    self.realm,
                    self.kind,
                    self.id,
                    version.sync,
                    self.created,
                    version.updated,
                    version.deleted,
                    self.request_id,
                    version.body,
                )
        return self


def pacific(epoch: float) -> str:
    """2026-03-31T09:59:18-07:00"""
    return datetime.fromtimestamp(int(epoch), PACIFIC).isoformat()


class Store:
    """All companies. Every change goes through insert, replace or delete."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.public_url = ""
        self.limits_option = ""
        self.clock = Clock(ledger)
        self.switches = RealmSwitches(ledger)
        self.listeners: list[Callable[[Record, str, Origin], None]] = []
        self._objects: dict[tuple[str, str], dict[str, Record]] = {}
        self._numbers: dict[tuple[str, str, str], set[str]] = {}
        self._attached: dict[tuple[str, str, str], set[str]] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._open: dict[tuple[str, str], Decimal] = {}
        self._add_columns()
        self._load()

    # Reading

    def realms(self) -> list[str]:
        return sorted(realm for realm, kind in list(self._objects) if kind == "CompanyInfo")

    def company_name(self, realm: str) -> str:
        record = self.find(realm, "CompanyInfo", "1")
        return str(record.body["CompanyName"]) if record else ""

    def find(self, realm: str, kind: str, identifier: str) -> Record | None:
        """The record, also if it was deleted."""
        return self._objects.get((realm, kind), {}).get(identifier)

    def everything(self, realm: str, kind: str, stale_seconds: float = 0) -> list[Record]:
        """All records, deleted ones too, in the order of their creation."""
        records = list(self._objects.get((realm, kind), {}).values())
        if not stale_seconds:
            return records
        moment = self.clock.epoch() - stale_seconds
        return [old for record in records if (old := record.as_of(moment)) is not None]

    def live(self, realm: str, kind: str) -> list[Record]:
        return [record for record in self.everything(realm, kind) if not record.deleted]

    def with_number(self, realm: str, kind: str, number: str) -> list[Record]:
        """Live transactions that carry this DocNumber, in whatever capitals."""
        found = (self.find(realm, kind, i) for i in list(self._numbers.get((realm, kind, number.lower()), ())))
        return [record for record in found if record is not None and not record.deleted]

    def attached_to(self, realm: str, kind: str, identifier: str) -> list[Record]:
        """Live attachments of an object."""
        found = (self.find(realm, "Attachable", i) for i in sorted(self._attached.get((realm, kind, identifier), ())))
        return [record for record in found if record is not None and not record.deleted]

    def open_balance(self, realm: str, vendor: str) -> Decimal:
        """What is owed to a vendor: open bills less open credits."""
        return self._open.get((realm, vendor), Decimal("0.00"))

    def now(self) -> float:
        return self.clock.epoch()

    def today(self) -> str:
        """The server's own current date. Intuit: this becomes TxnDate when none is sent."""
        return datetime.fromtimestamp(self.now(), PACIFIC).date().isoformat()

    # Changing

    def insert(
        self, realm: str, kind: str, body: Body, origin: Origin, identifier: str = "", created: float = 0
    ) -> Record:
        moment = created or self.now()
        with self.ledger.writing():
            record = Record(
                realm, kind, identifier or self._next_id(realm, kind), 0, moment, moment, False, origin.request_id, body
            )
            record.authors["created"] = origin.author
            self._keep(record)
            self._changed(record, "created", origin)
        return record

    def replace(self, record: Record, body: Body, origin: Origin, verb: str = "updated") -> Record:
        """Give the record a new body and the next SyncToken."""
        with self.ledger.writing():
            self._remember(record)
            self._unlist(record)
            record.body, record.sync, record.updated = body, record.sync + 1, self.now()
            record.authors |= {"updated": origin.author, "updated_request_id": origin.request_id}
            self._keep(record)
            self._changed(record, verb, origin)
        return record

    def delete(self, record: Record, origin: Origin, verb: str = "deleted") -> None:
        with self.ledger.writing():
            self._remember(record)
            self._unlist(record)
            record.deleted, record.updated, record.sync = True, self.now(), record.sync + 1
            record.authors |= {"deleted": origin.author, "deleted_request_id": origin.request_id}
            self._keep(record)
            self._changed(record, verb, origin)

    def rewrite(self, record: Record, body: Body) -> None:
        """Change what is stored without a trace for the outside: no new SyncToken, no event."""
        with self.ledger.writing():
            self._unlist(record)
            record.body = body
            self._keep(record)

    def backdate(self, record: Record, epoch: float) -> None:
        """Seeding only: the record looks as old as its date."""
        record.created = record.updated = epoch
        record.versions = []
        self.ledger.execute(
            "UPDATE object SET created = ?, updated = ? WHERE realm = ? AND kind = ? AND id = ?",
            (epoch, epoch, record.realm, record.kind, record.id),
        )

    def apply_limits_option(self) -> None:
        """The command line decides about throttles at the start and after a reset."""
        if self.limits_option and self.switches["limits"] != self.limits_option:
            self.switches.change({"limits": self.limits_option})

    def forget_everything(self) -> None:
        """Remove all objects, replies, files and tokens; the history of events and calls stays."""
        with self.ledger.writing() as db:
            for statement in ("DELETE FROM object", "DELETE FROM reply", "DELETE FROM file", "DELETE FROM token"):
                db.execute(statement)
            db.execute("DELETE FROM setting WHERE name LIKE 'coreplus_%'")
            self._objects, self._numbers, self._attached, self._last, self._open = {}, {}, {}, {}, {}

    # Inside

    def _add_columns(self) -> None:
        for table, column, kind in _LATER_COLUMNS:
            if column not in {row["name"] for row in self.ledger.query(f"PRAGMA table_info({table})")}:
                self.ledger.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    def _load(self) -> None:
        for row in self.ledger.query("SELECT * FROM object ORDER BY created, CAST(id AS INTEGER)"):
            record = Record(
                row["realm"],
                row["kind"],
                row["id"],
                row["sync"],
                row["created"],
                row["updated"],
                bool(row["deleted"]),
                row["request_id"],
                json_text.parse(row["body"]),
                authors=json_text.parse(row["authors"]),
            )
            self._list(record)

    def _keep(self, record: Record) -> None:
        self._list(record)
        self.ledger.execute(
            "INSERT INTO object (realm, kind, id, sync, created, updated, deleted, request_id, body, authors) "
            "VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (realm, kind, id) DO UPDATE SET sync=excluded.sync, "
            "updated=excluded.updated, deleted=excluded.deleted, body=excluded.body, authors=excluded.authors",
            (
                record.realm,
                record.kind,
                record.id,
                record.sync,
                record.created,
                record.updated,
                int(record.deleted),
                record.request_id,
                json_text.render(record.body),
                json_text.render(record.authors),
            ),
        )

    def _list(self, record: Record) -> None:
        self._objects.setdefault((record.realm, record.kind), {})[record.id] = record
        sequence = (record.realm, _SEQUENCES.get(record.kind, record.kind))
        if record.id.isdigit():
            self._last[sequence] = max(self._last.get(sequence, 0), int(record.id))
        if record.deleted:
            return
        self._count_balance(record, 1)
        if number := record.body.get("DocNumber"):
            self._numbers.setdefault((record.realm, record.kind, number.lower()), set()).add(record.id)
        for owner in self._owners(record):
            self._attached.setdefault(owner, set()).add(record.id)

    def _unlist(self, record: Record) -> None:
        self._count_balance(record, -1)
        if number := record.body.get("DocNumber"):
            self._numbers.get((record.realm, record.kind, number.lower()), set()).discard(record.id)
        for owner in self._owners(record):
            self._attached.get(owner, set()).discard(record.id)

    def _count_balance(self, record: Record, sign: int) -> None:
        if record.kind in ("Bill", "VendorCredit"):
            owner = (record.realm, record.body["VendorRef"]["value"])
            balance = record.body["Balance"] * (sign if record.kind == "Bill" else -sign)
            self._open[owner] = self._open.get(owner, Decimal("0.00")) + balance

    @staticmethod
    def _owners(record: Record) -> list[tuple[str, str, str]]:
        if record.kind != "Attachable":
            return []
        refs = [ref.get("EntityRef", {}) for ref in record.body.get("AttachableRef", [])]
        return [(record.realm, str(ref.get("type", "")), str(ref.get("value", ""))) for ref in refs]

    def _next_id(self, realm: str, kind: str) -> str:
        sequence = _SEQUENCES.get(kind, kind)
        last = self._last.get((realm, sequence), _FIRST.get(sequence, 1) - 1)
        return str(last + 1)

    def _remember(self, record: Record) -> None:
        former = Version(self.now(), record.sync, record.updated, record.deleted, record.body)
        record.versions = [*record.versions[-_KEPT_VERSIONS:], former]

    def _changed(self, record: Record, verb: str, origin: Origin) -> None:
        if origin.by == "seed":
            return
        self.ledger.append(
            f"{record.kind.lower()}.{verb}",
            f"{record.realm}/{record.kind}/{record.id}",
            {
                "realm": record.realm,
                "entity": record.kind,
                "id": record.id,
                "sync_token": str(record.sync),
                "by": origin.by,
                "request_id": origin.request_id,
                "body": record.body,
            },
        )
        for listener in self.listeners:
            listener(record, verb, origin)
