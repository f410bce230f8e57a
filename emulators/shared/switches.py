"""Named settings of an emulator: what the documents leave unknown, and what a test wants to vary.

switches = Switches(ledger, [Switch("time_scale", 1.0, "Divides every waiting time."), ...])
switches["time_scale"]            # the present value
switches.change({"time_scale": 100})   # raises ValueError with a readable text; kept across restarts
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from emulators.shared.ledger import Ledger


@dataclass(frozen=True)
class Switch:
    """One setting. `reference` names the section of the reference document that leaves the matter open."""

    name: str
    default: Any
    meaning: str
    reference: str = ""
    choices: tuple[Any, ...] = ()


class Switches:
    """The present values of all switches."""

    def __init__(self, ledger: Ledger, switches: Iterable[Switch]) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self.known = {switch.name: switch for switch in switches}
        # Called with the changed names after every change, for values that were worked into stored records.
        self.watchers: list[Callable[[set[str]], None]] = []
        self._changed: dict[str, Any] = {
            name: value for name, value in ledger.setting("switches", {}).items() if name in self.known
        }

    def __getitem__(self, name: str) -> Any:
        return self._changed.get(name, self.known[name].default)

    def values(self) -> dict[str, Any]:
        return {name: self[name] for name in self.known}

    def change(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Set some switches; unknown names and values of the wrong kind are refused and nothing is changed."""
        checked = {name: self._checked(name, value) for name, value in wanted.items()}
        with self._lock:
            self._changed = {**self._changed, **checked}
            self._ledger.set_setting("switches", self._changed)
        self._ledger.append("switches_changed", data=checked)
        for watcher in self.watchers:
            watcher(set(checked))
        return self.values()

    def reset(self) -> None:
        with self._lock:
            self._changed = {}
            self._ledger.set_setting("switches", {})

    def _checked(self, name: str, value: Any) -> Any:
        if name not in self.known:
            raise ValueError(f"There is no switch {name!r}.")
        switch = self.known[name]
        if switch.choices and value not in switch.choices:
            raise ValueError(f"{name} must be one of {', '.join(map(str, switch.choices))}.")
        if isinstance(switch.default, bool):
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be true or false.")
        elif isinstance(switch.default, int | float):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} must be a number.")
        elif isinstance(switch.default, str | list | dict) and not isinstance(value, type(switch.default)):
            raise ValueError(f"{name} must be a {type(switch.default).__name__}.")
        return value

    def from_text(self, name: str, text: str) -> Any:
        """Read a value typed into a web form."""
        if name not in self.known:
            raise ValueError(f"There is no switch {name!r}.")
        default = self.known[name].default
        if isinstance(default, str):
            return text
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{name}: {text!r} is not a value of the expected kind.") from error
        return float(value) if isinstance(default, float) and isinstance(value, int) else value
