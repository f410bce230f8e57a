"""The emulator's own memory: one SQLite file with an append-only table of events beside the tables of its objects.

Use:

    ledger = Ledger(path, schema="CREATE TABLE IF NOT EXISTS invoice (...);")
    with ledger.writing() as db:            # one transaction, committed at the end, undone on an exception
        db.execute("INSERT INTO invoice ...")
        ledger.append("invoice_created", subject="123", data={...})
    rows = ledger.query("SELECT ...", (...,))

`writing()` may be nested in one thread: only the outermost block commits.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_BASE_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL DEFAULT '',
    data TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS event_kind ON event (kind, id);
CREATE INDEX IF NOT EXISTS event_subject ON event (subject, id);
CREATE TRIGGER IF NOT EXISTS event_never_changes BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'the event table is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_never_goes BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'the event table is append-only'); END;
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


def wall_time() -> str:
    """The real UTC time, in microseconds; the emulated clock never enters the event table."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Ledger:
    """One SQLite file behind one lock; quick, because statements are short and a commit does not wait for the disk."""

    def __init__(self, path: Path | str, schema: str = "") -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, cached_statements=512)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        # A killed process loses nothing at NORMAL, only a power cut could; that is not what the emulator is for.
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._db.executescript(_BASE_SCHEMA + schema)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction. Nested blocks of one thread join the outer one."""
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._db
            except BaseException:
                if outermost:
                    self._db.execute("ROLLBACK")
                raise
            else:
                if outermost:
                    self._db.execute("COMMIT")
            finally:
                self._depth -= 1

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._db.execute(sql, parameters).fetchone()
            return row

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, parameters)
        return None if row is None else row[0]

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one writing statement; answer the number of rows it touched."""
        with self.writing() as db:
            return db.execute(sql, parameters).rowcount

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self.writing() as db:
            db.executemany(sql, rows)

    def append(self, kind: str, subject: object = "", data: Any = None) -> int:
        """Add one line to the history; lines are never changed or removed."""
        with self.writing() as db:
            cursor = db.execute(
                "INSERT INTO event (at, kind, subject, data) VALUES (?, ?, ?, ?)",
                (wall_time(), kind, str(subject), json.dumps(data if data is not None else {}, default=str)),
            )
            return int(cursor.lastrowid or 0)

    def events(self, *, after: int = 0, kind: str = "", subject: str = "", limit: int = 1000) -> list[dict[str, Any]]:
        """Lines of the history after the given id, oldest first."""
        clauses = ["id > ?"]
        parameters: list[Any] = [after]
        if kind:
            clauses.append("kind = ?")
            parameters.append(kind)
        if subject:
            clauses.append("subject = ?")
            parameters.append(subject)
        parameters.append(limit)
        # The clauses are constants of this method; every value goes as a parameter.
        sql = f"SELECT * FROM event WHERE {' AND '.join(clauses)} ORDER BY id LIMIT ?"  # noqa: S608
        return [
            {"id": r["id"], "at": r["at"], "kind": r["kind"], "subject": r["subject"], "data": json.loads(r["data"])}
            for r in self.query(sql, parameters)
        ]

    def event_counts(self, *, after: int = 0) -> dict[str, int]:
        return {
            row["kind"]: row["n"]
            for row in self.query("SELECT kind, COUNT(*) AS n FROM event WHERE id > ? GROUP BY kind", (after,))
        }

    def setting(self, name: str, default: Any = None) -> Any:
        """A JSON value kept across restarts."""
        row = self.one("SELECT value FROM setting WHERE name = ?", (name,))
        return default if row is None else json.loads(row["value"])

    def set_setting(self, name: str, value: Any) -> None:
        self.execute(
            "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, json.dumps(value)),
        )

    def close(self) -> None:
        """Wait for a running transaction, then close the file."""
        with self._lock:
            self._db.close()
