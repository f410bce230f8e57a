"""The README of the Intuit emulator names every fault and every control address there is."""

from __future__ import annotations

import argparse
from pathlib import Path

from emulators.intuit.application import build
from emulators.intuit.store import SCHEMA
from emulators.shared.ledger import Ledger
from tests.emulators.test_intuit_client import emulator, fresh

README = (Path(__file__).resolve().parents[2] / "emulators" / "intuit" / "README.md").read_text(encoding="utf-8")


def test_every_fault_is_named() -> None:
    with emulator() as url:
        known = fresh(url).control("GET", "faults")["known"]
    assert [name for name in known if f"`{name}`" not in README] == []


def test_every_control_address_is_named(tmp_path: Path) -> None:
    options = argparse.Namespace(public_url="", limits="", seed="empty", companies=0, redirect_uri=[])
    ledger = Ledger(tmp_path / "q.sqlite", SCHEMA)
    rules = [str(rule) for rule in build(ledger, options).url_map.iter_rules()]
    addresses = [rule.removeprefix("/_emulator").replace("int:", "") for rule in rules if rule.startswith("/_emulator")]
    assert len(addresses) > 30
    assert [address for address in addresses if f"{address}`" not in README and f"{address}?" not in README] == []
    ledger.close()
