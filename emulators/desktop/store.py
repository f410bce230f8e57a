"""The company files of the PC: in memory for speed, in the SQLite ledger for keeps, every change an event."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from emulators.desktop.switches import SWITCHES
from emulators.shared.clock import Clock
from emulators.shared.ledger import Ledger
from emulators.shared.switches import Switches

Body = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS company_file (name TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS object (
    file TEXT NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (file, id)
);
CREATE TABLE IF NOT EXISTS recovery (
    file TEXT NOT NULL, app TEXT NOT NULL, id TEXT NOT NULL, request TEXT NOT NULL, response TEXT NOT NULL,
    PRIMARY KEY (file, app, id)
);
CREATE TABLE IF NOT EXISTS call (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL, at TEXT NOT NULL, app TEXT NOT NULL,
    operation TEXT NOT NULL, sent TEXT NOT NULL, answer TEXT NOT NULL, code TEXT NOT NULL, milliseconds REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS session (id INTEGER PRIMARY KEY AUTOINCREMENT, data TEXT NOT NULL);
"""

LISTS = ("Account", "Class", "Currency", "Customer", "ItemNonInventory", "ItemService", "StandardTerms", "Vendor")
ITEMS = ("ItemNonInventory", "ItemService")
PAYMENTS = ("BillPaymentCheck", "BillPaymentCreditCard")
TRANSACTIONS = ("Bill", "VendorCredit", *PAYMENTS)
ZERO = Decimal("0.00")


@dataclass(frozen=True)
class Origin:
    """Who changes something: an application through qbXML, a person in QuickBooks, or the seed."""

    by: str
    app: str = ""
    message_set: str = ""


SEED, PERSON = Origin("seed"), Origin("hand")


@dataclass
class Record:
    """An entry of a list, or a transaction. References in the body are plain ids."""

    kind: str
    id: str
    created: float
    modified: float
    edit: int
    body: Body
    deleted: float = 0
    # What is gone after a backup was restored was never there, as far as the file knows.
    gone: bool = False
    authors: dict[str, str] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        return bool(self.body.get("IsActive", True))

    @property
    def alive(self) -> bool:
        return not self.deleted and not self.gone

    @property
    def name(self) -> str:
        return str(self.body.get("FullName") or self.body.get("Name") or "")

    @property
    def edit_sequence(self) -> str:
        return str(self.edit)


@dataclass
class Lock:
    """Somebody else works on something: the next `times` writes that touch it are refused."""

    kind: str
    id: str
    code: int
    times: int


@dataclass
class CompanyFile:
    name: str
    path: str
    company: str
    product: str = "QuickBooks Enterprise Solutions: Contractor 24.0"
    major_version: str = "34"
    closing_date: str = ""
    class_tracking: bool = True
    multicurrency: bool = False
    single_user: bool = False
    # OwnerID -> FileID, as the Web Connector stamped them.
    stamps: dict[str, str] = field(default_factory=dict)
    locks: list[Lock] = field(default_factory=list)

    def as_json(self) -> Body:
        return asdict(self)


class Links:
    """What was applied to what: payments to bills, credits to bills and bills to credits."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._parts: dict[str, list[tuple[Record, Decimal]]] = {}
        # What each vendor is owed, once somebody has added it up.
        self.balances: dict[str, Decimal] | None = None
        for record in records:
            for part in record.body.get("Applied", ()) if record.alive else ():
                self._parts.setdefault(part["TxnID"], []).append((record, Decimal(part["Amount"])))

    def of(self, transaction: str) -> list[tuple[Record, Decimal]]:
        """Payments and credits that reduce this bill, with the amount of each."""
        return self._parts.get(transaction, [])


class Store:
    """All company files. Every change goes through insert, replace, delete or restore."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = Clock(ledger)
        self.switches = Switches(ledger, SWITCHES)
        self.files: dict[str, CompanyFile] = {}
        self._objects: dict[str, dict[str, Record]] = {}
        self._kinds: dict[tuple[str, str], dict[str, Record]] = {}
        self._links: dict[str, Links] = {}
        self._counters: dict[str, int] = {}
        self._load()

    # Reading

    def file(self, name: str) -> CompanyFile:
        if name not in self.files:
            raise LookupError(f"There is no company file {name!r}.")
        return self.files[name]

    def find(self, file: str, identifier: str) -> Record | None:
        """The record, also if it was deleted; never one that a restored backup does not know."""
        record = self._objects.get(file, {}).get(identifier)
        return None if record is None or record.gone else record

    def everything(self, file: str, *kinds: str) -> list[Record]:
        """All records of these kinds in the order of their creation, deleted and gone ones too."""
        return [record for kind in kinds for record in list(self._kinds.get((file, kind), {}).values())]

    def live(self, file: str, *kinds: str) -> list[Record]:
        return [record for record in self.everything(file, *kinds) if record.alive]

    def links(self, file: str) -> Links:
        if file not in self._links:
            self._links[file] = Links(iter(self.everything(file, "VendorCredit", *PAYMENTS)))
        return self._links[file]

    def now(self) -> float:
        return self.clock.epoch()

    @property
    def zone(self) -> timezone:
        return timezone(timedelta(hours=float(self.switches["utc_offset_hours"])))

    def moment(self, epoch: float) -> str:
        """2026-11-03T10:04:27-08:00, as QuickBooks writes times."""
        return datetime.fromtimestamp(int(epoch), self.zone).isoformat()

    def epoch_of(self, text: str) -> float:
        """A time as it is sent; without an offset it is the PC's own."""
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).timestamp()

    def today(self) -> str:
        return datetime.fromtimestamp(self.now(), self.zone).date().isoformat()

    # Changing

    def add_file(self, file: CompanyFile) -> CompanyFile:
        self.files[file.name] = file
        self._objects.setdefault(file.name, {})
        self.keep_file(file)
        return file

    def keep_file(self, file: CompanyFile) -> None:
        self.ledger.execute(
            "INSERT INTO company_file (name, data) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET data = excluded.data",
            (file.name, json.dumps(file.as_json())),
        )

    def next_list_id(self, file: str) -> str:
        return f"{0x80000000 + self._next(f'list/{file}', 0x200):X}-{int(self.now())}"

    def next_txn_id(self, file: str) -> str:
        return f"{self._next(f'txn/{file}', 0x1CB780):X}-{int(self.now())}"

    def next_txn_number(self, file: str) -> int:
        return self._next(f"number/{file}", 4700)

    def insert(
        self, file: str, kind: str, body: Body, origin: Origin, identifier: str = "", created: float = 0
    ) -> Record:
        moment = created or self.now()
        with self.ledger.writing():
            new_id = self.next_txn_id if kind in TRANSACTIONS else self.next_list_id
            record = Record(kind, identifier or new_id(file), moment, moment, int(moment), body)
            record.authors |= {"created": origin.by, "message_set": origin.message_set, "app": origin.app}
            self._keep(file, record)
            self._changed(file, record, "added", origin)
        return record

    def replace(self, file: str, record: Record, body: Body, origin: Origin, verb: str = "modified") -> Record:
        """A new body, a later TimeModified and another EditSequence."""
        with self.ledger.writing():
            record.body = body
            record.modified = self.now()
            record.edit = max(int(record.modified), record.edit + 1)
            record.authors |= {"modified": origin.by}
            self._keep(file, record)
            self._changed(file, record, verb, origin)
        return record

    def rewrite(self, file: str, record: Record, body: Body, verb: str, origin: Origin) -> None:
        """Another body with the old TimeModified and EditSequence."""
        with self.ledger.writing():
            record.body = body
            self._keep(file, record)
            self._changed(file, record, verb, origin)

    def delete(self, file: str, record: Record, origin: Origin) -> None:
        with self.ledger.writing():
            record.deleted = self.now()
            record.authors |= {"deleted": origin.by, "deleted_message_set": origin.message_set}
            self._keep(file, record)
            self._changed(file, record, "deleted", origin)

    def snapshot(self, name: str) -> Body:
        """The whole file as a backup holds it: records, stamps and recovery records."""
        file = self.file(name)
        kept = [asdict(record) for record in self._objects[name].values() if not record.gone]
        recovery = [dict(row) for row in self.ledger.query("SELECT * FROM recovery WHERE file = ?", (name,))]
        return {"file": copy.deepcopy(file.as_json()), "records": copy.deepcopy(kept), "recovery": recovery}

    def restore(self, name: str, data: Body) -> list[str]:
        """Put the file back to what a backup holds; answer the ids of what vanished."""
        before = {str(record["id"]): record for record in data["records"]}
        vanished = []
        with self.ledger.writing() as db:
            for identifier, record in list(self._objects[name].items()):
                if identifier in before:
                    self._keep(name, Record(**copy.deepcopy(before[identifier])))
                elif not record.gone:
                    vanished.append(identifier)
                    record.gone = True
                    self._keep(name, record)
            file = CompanyFile(**{**data["file"], "locks": []})
            self.add_file(file)
            db.execute("DELETE FROM recovery WHERE file = ?", (name,))
            for row in data["recovery"]:
                db.execute("INSERT INTO recovery VALUES (:file, :app, :id, :request, :response)", row)
            self.ledger.append("file.restored", name, {"vanished": vanished})
        return vanished

    def forget_everything(self) -> None:
        """Remove all files; the history of events, calls and sessions stays, and no id is given twice."""
        with self.ledger.writing() as db:
            for table in ("company_file", "object", "recovery"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - a name from the line above
            self.ledger.set_setting("backups", {})
            self.files, self._objects, self._kinds, self._links = {}, {}, {}, {}

    # Inside

    def _next(self, what: str, first: int) -> int:
        self._counters[what] = self._counters.get(what, first - 1) + 1
        self.ledger.set_setting("counters", self._counters)
        return self._counters[what]

    def _load(self) -> None:
        self._counters = dict(self.ledger.setting("counters", {}))
        for row in self.ledger.query("SELECT * FROM company_file ORDER BY name"):
            data = json.loads(row["data"])
            data["locks"] = [Lock(**lock) for lock in data["locks"]]
            self.files[row["name"]] = CompanyFile(**data)
            self._objects.setdefault(row["name"], {})
        for row in self.ledger.query("SELECT * FROM object ORDER BY position"):
            self._list(row["file"], Record(**json.loads(row["data"])))

    def _keep(self, file: str, record: Record) -> None:
        self._list(file, record)
        self.ledger.execute(
            "INSERT INTO object (file, id, position, data) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (file, id) DO UPDATE SET data = excluded.data",
            (file, record.id, len(self._objects[file]), json.dumps(asdict(record))),
        )

    def _list(self, file: str, record: Record) -> None:
        self._objects.setdefault(file, {})[record.id] = record
        self._kinds.setdefault((file, record.kind), {})[record.id] = record
        self._links.pop(file, None)

    def _changed(self, file: str, record: Record, verb: str, origin: Origin) -> None:
        if origin.by == "seed":
            return
        self.ledger.append(
            f"{record.kind.lower()}.{verb}",
            f"{file}/{record.id}",
            {
                "file": file,
                "kind": record.kind,
                "id": record.id,
                "edit_sequence": record.edit_sequence,
                "by": origin.by,
                "app": origin.app,
                "message_set": origin.message_set,
                "body": record.body,
            },
        )
