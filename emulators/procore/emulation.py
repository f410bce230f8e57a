"""All parts of one running Procore emulator, put together."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from emulators.procore.delivering import Deliveries
from emulators.procore.direct_cost_records import DirectCostRecords
from emulators.procore.direct_cost_rows import DirectCostRows
from emulators.procore.direct_costs import DirectCosts
from emulators.procore.hooks import Hooks
from emulators.procore.invoice_rows import InvoiceRows
from emulators.procore.invoicing import Invoicing
from emulators.procore.rate_faults import fault_answers
from emulators.procore.rate_limits import RateLimits
from emulators.procore.storage import SCHEMA, Storage
from emulators.procore.switch_list import switches as switch_list
from emulators.shared.clock import Clock
from emulators.shared.faults import FaultEngine
from emulators.shared.ledger import Ledger
from emulators.shared.switches import Switches

# Changing one of these changes amounts that are stored with the invoices.
_WORKED_IN = {"currently_retained_net", "tax_on_top"}


@dataclass
class Emulation:
    """What the blueprints of the emulator work with."""

    ledger: Ledger
    clock: Clock
    switches: Switches
    engine: FaultEngine
    storage: Storage
    rows: InvoiceRows
    hooks: Hooks
    deliveries: Deliveries
    invoicing: Invoicing
    direct_cost_rows: DirectCostRows
    direct_cost_records: DirectCostRecords
    direct_costs: DirectCosts
    rates: RateLimits
    public_url: str

    def hold_answer(self) -> None:
        """Called when a creation is committed: its event may arrive before the caller knows the id (reference 2.7)."""
        time.sleep(float(self.switches["create_event_before_answer"]))


def build(path: Path, public_url: str, *, rate_limit: str = "documented") -> Emulation:
    """Open the ledger and start every part; nothing is seeded yet."""
    ledger = Ledger(path, SCHEMA)
    clock = Clock(ledger)
    switches = Switches(ledger, switch_list(rate_limit=rate_limit))
    storage = Storage(ledger)
    rows = InvoiceRows(storage, switches, public_url)
    hooks = Hooks(storage, switches, clock)
    deliveries = Deliveries(ledger, hooks, switches, clock)
    invoicing = Invoicing(storage, rows, switches, clock, deliveries.announce)
    direct_cost_rows = DirectCostRows(storage)
    pages = ("/faults", "/switches", "/webhooks", "/invoices", "/new", "/direct_costs")
    spare = ("/_emulator/", "/_storage/", "/static/", *pages)
    answers = fault_answers(clock.epoch, lambda: bool(switches["retry_after_on_429"]))
    engine = FaultEngine(ledger, spare=spare, answers=answers)

    def recompute(changed: set[str]) -> None:
        if changed & _WORKED_IN:
            rows.compute_everything_anew()

    switches.watchers.append(recompute)
    return Emulation(
        ledger=ledger,
        clock=clock,
        switches=switches,
        engine=engine,
        storage=storage,
        rows=rows,
        hooks=hooks,
        deliveries=deliveries,
        invoicing=invoicing,
        direct_cost_rows=direct_cost_rows,
        direct_cost_records=DirectCostRecords(storage, switches, public_url),
        direct_costs=DirectCosts(storage, direct_cost_rows, switches, clock, deliveries.announce),
        rates=RateLimits(clock, switches),
        public_url=public_url,
    )
