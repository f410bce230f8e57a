"""The PC: whether QuickBooks runs, which company file it has open, and what stands in an application's way."""

from __future__ import annotations

from typing import Any

from emulators.desktop import recovery
from emulators.desktop.refusals import HRESULTS, Denied
from emulators.desktop.store import CompanyFile, Store

_SETTING = "pc"
_AT_FIRST: dict[str, Any] = {"running": True, "open_file": "", "modal": False, "denied": False, "hresult": ""}


class Pc:
    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def state(self) -> dict[str, Any]:
        """running, open_file, modal (a dialog is open), denied (by the user), hresult (any other refusal)."""
        return {**_AT_FIRST, **self.store.ledger.setting(_SETTING, {})}

    def change(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """A person opens another company file, closes QuickBooks, leaves a dialog open ..."""
        unknown = set(wanted) - set(_AT_FIRST)
        if unknown:
            raise ValueError(f"The PC has no {', '.join(sorted(unknown))}.")
        if wanted.get("open_file"):
            self.store.file(str(wanted["open_file"]))
        if wanted.get("hresult") and wanted["hresult"] not in HRESULTS:
            raise ValueError(f"hresult is one of {', '.join(HRESULTS)}.")
        before = self.state
        after = {**before, **wanted}
        closed = before["open_file"] and (not after["running"] or after["open_file"] != before["open_file"])
        if closed:
            self.file_closed(before["open_file"])
        self.store.ledger.set_setting(_SETTING, after)
        self.store.ledger.append("pc.changed", "", wanted)
        return after

    def file_closed(self, name: str) -> None:
        """Nobody has the file open any more."""
        if self.store.switches["recovery_records"] == "until_closed":
            recovery.forget(self.store, name)

    def open_for(self, path: str, *, adding: bool = False) -> CompanyFile:
        """BeginSession: the file an application gets. Raises Denied (qbd.md 1.10)."""
        state = self.state
        if state["hresult"]:
            raise Denied(state["hresult"])
        if state["denied"]:
            raise Denied("0x80040420")
        if state["modal"]:
            raise Denied("0x80040414")
        if state["running"] and state["open_file"]:
            file = self.store.file(state["open_file"])
            if path and path.casefold() != file.path.casefold():
                raise Denied("0x8004040A")
            return file
        if not path or adding:
            raise Denied("0x80040416")
        for file in self.store.files.values():
            if file.path.casefold() == path.casefold():
                return file
        raise Denied("0x80040408")
