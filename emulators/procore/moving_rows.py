"""Rows that move between two pages of a list while a client reads it, ordered by the switch rows_move.

    {"list": "requisitions" | "direct_costs", "after_page": 1, "how": "delete" | "insert" | "touch",
     "row": "served" | "next", "times": 1, "quiet": false}

After page `after_page` has been put together something happens: the first row of that page (or with "next" the first
one behind it) is deleted or touched, or a new row is made. What the page says stays as it was counted.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from emulators.procore.control_direct_costs import make_direct_cost
from emulators.procore.control_invoices import Silence, actor_of, make_invoice
from emulators.procore.emulation import Emulation
from emulators.procore.invoicing import Refused

ORDERS = {"id": "id", "-id": "id DESC", "updated_at": "updated_at, id", "-updated_at": "updated_at DESC, id DESC"}


class RowMoves:
    """Counts how often rows have moved since the switch was set."""

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._lock = threading.Lock()
        self._done = 0
        emulation.switches.watchers.append(self._begin_again)

    def after_page(self, name: str, page: int, served: Sequence[int], behind: int | None, project_id: int) -> None:
        """`served` are the ids of the page, `behind` is the id of the next row."""
        wanted: dict[str, Any] = self._emulation.switches["rows_move"]
        if wanted.get("list") != name or int(wanted.get("after_page", 1)) != page or not served:
            return
        with self._lock:
            if self._done >= int(wanted.get("times", 1)):
                return
            self._done += 1
        row = behind if wanted.get("row") == "next" else served[0]
        how, quiet = str(wanted.get("how", "delete")), bool(wanted.get("quiet", False))
        moved = _insert(self._emulation, name, project_id, quiet) if how == "insert" else row
        if how != "insert" and row is not None:
            _change(self._emulation, name, how, row, Silence(emit=not quiet, touch=True))
        self._emulation.ledger.append("rows_moved", moved, {"list": name, "how": how, "after_page": page})

    def _begin_again(self, names: set[str]) -> None:
        if "rows_move" in names:
            with self._lock:
                self._done = 0


def _insert(emulation: Emulation, name: str, project_id: int, quiet: bool) -> int:
    wanted = {"project_id": project_id, "status": "approved", "quiet": quiet}
    return make_invoice(emulation, wanted).id if name == "requisitions" else make_direct_cost(emulation, wanted).id


def _change(emulation: Emulation, name: str, how: str, row: int, silence: Silence) -> None:
    company_id = emulation.storage.company_of("project", _project_of(emulation, name, row))
    actor = actor_of(emulation, None, company_id)
    try:
        if name == "requisitions" and how == "delete":
            emulation.invoicing.delete(row, actor, emit=silence.emit)
        elif name == "requisitions":
            emulation.invoicing.edit(row, {"comment": "touched"}, actor, emit=silence.emit)
        elif how == "delete":
            emulation.direct_costs.delete(row, actor, emit=silence.emit)
        else:
            emulation.direct_costs.edit(row, {"terms": "Net 31"}, actor, emit=silence.emit)
    except Refused as error:
        emulation.ledger.append("row_not_moved", row, {"why": str(error)})


def _project_of(emulation: Emulation, name: str, row: int) -> int:
    found = emulation.invoicing.need(row) if name == "requisitions" else emulation.direct_costs.need(row)
    return found.project_id
