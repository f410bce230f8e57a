"""The README of the PC names every cut and every control address there is."""

from __future__ import annotations

import argparse
from pathlib import Path

from emulators.desktop.application import build
from emulators.desktop.cuts import CUTS
from emulators.desktop.store import SCHEMA
from emulators.shared.ledger import Ledger

README = (Path(__file__).resolve().parents[2] / "emulators" / "desktop" / "README.md").read_text(encoding="utf-8")


def test_every_cut_is_named() -> None:
    assert [name for name in CUTS if f"`{name}`" not in README] == []


def test_every_control_address_is_named(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "pc.sqlite", SCHEMA)
    rules = [str(rule) for rule in build(ledger, argparse.Namespace(seed="empty")).url_map.iter_rules()]
    addresses = [
        rule.removeprefix("/_emulator").replace("int:", "").replace("path:", "")
        for rule in rules
        if rule.startswith("/_emulator")
    ]
    assert len(addresses) > 30
    assert [address for address in addresses if f"{address}`" not in README and f"{address}?" not in README] == []
    ledger.close()
