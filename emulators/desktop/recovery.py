"""Error recovery: QuickBooks keeps the answer to a message set under the id it was sent with (qbd.md 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from emulators.desktop.store import Store

LONGEST_ID = 23
CLEAR_ALL = "ClearAllMessageSets"
_OK, _NOTHING, _OTHER_CONTENT, _TOO_LONG, NOT_STORED = 0, 600, 9001, 9004, 9005


@dataclass(frozen=True)
class Step:
    """What the ids of a message set ask for: run it, or answer without running."""

    runs: bool
    status: int | None = None
    stored: str = ""


class Recovery:
    """The records of one application in one company file."""

    def __init__(self, store: Store, file: str, app: str) -> None:
        self._store, self._file, self._app = store, file, app

    def step(self, new: str, old: str, content: str) -> Step:
        """Look at the ids before anything runs."""
        if max(len(new), len(old) if old != CLEAR_ALL else 0) > LONGEST_ID:
            return Step(False, _TOO_LONG)
        if new and new == old:
            stored = self._stored(new)
            return (
                Step(False, int(self._store.switches["nothing_stored"]))
                if stored is None
                else Step(False, _OK, stored[1])
            )
        if old and not new:
            return Step(False, _OK if self._clear(old) else _NOTHING)
        if old:
            self._clear(old)
        if new and (stored := self._stored(new)) is not None:
            return Step(False, _OK, stored[1]) if stored[0] == content else Step(False, _OTHER_CONTENT)
        return Step(True, _OK if new else None)

    def keep(self, new: str, content: str, response: Element) -> None:
        if not new or self._store.switches["recovery_records"] == "forgotten":
            return
        self._store.ledger.execute(
            "INSERT OR REPLACE INTO recovery (file, app, id, request, response) VALUES (?, ?, ?, ?, ?)",
            (self._file, self._app, new, content, tostring(response, encoding="unicode")),
        )

    def as_answer(self, stored: str) -> list[Element]:
        """The stored responses as a status check shows them."""
        responses = list(fromstring(stored))  # noqa: S314 - our own text
        if self._store.switches["status_check_answer"] == "full":
            return responses
        for response in responses:
            for child in list(response):
                if child.tag.endswith("Ret"):
                    response.remove(child)
                    if response.tag.endswith(("AddRs", "ModRs")):
                        response.append(_proof(child))
        return responses

    def _stored(self, identifier: str) -> tuple[str, str] | None:
        row = self._store.ledger.one(
            "SELECT request, response FROM recovery WHERE file = ? AND app = ? AND id = ?",
            (self._file, self._app, identifier),
        )
        return None if row is None else (row["request"], row["response"])

    def _clear(self, identifier: str) -> bool:
        if identifier == CLEAR_ALL:
            statement = "DELETE FROM recovery WHERE file = ? AND app = ?"
            return self._store.ledger.execute(statement, (self._file, self._app)) > 0
        statement = "DELETE FROM recovery WHERE file = ? AND app = ? AND id = ?"
        return self._store.ledger.execute(statement, (self._file, self._app, identifier)) > 0


def _proof(saved: Element) -> Element:
    """ErrorRecovery of a saved object."""
    proof = Element("ErrorRecovery")
    for name in ("ListID", "TxnID", "TxnNumber", "EditSequence", "ExternalGUID"):
        value = saved.findtext(name)
        if value:
            SubElement(proof, name).text = value
    return proof


def records_of(store: Store, file: str) -> list[dict[str, str]]:
    rows = store.ledger.query("SELECT app, id, request FROM recovery WHERE file = ? ORDER BY rowid", (file,))
    return [{"app": row["app"], "id": row["id"], "request": row["request"]} for row in rows]


def forget(store: Store, file: str, identifier: str = "") -> int:
    """The records are lost: one of them, or all."""
    if identifier:
        return store.ledger.execute("DELETE FROM recovery WHERE file = ? AND id = ?", (file, identifier))
    return store.ledger.execute("DELETE FROM recovery WHERE file = ?", (file,))
