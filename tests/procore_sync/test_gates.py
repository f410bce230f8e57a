"""Every gate, shut and open, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from procore_sync import gates

ON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OFF = ON + timedelta(days=10)
MINUTE = timedelta(minutes=1)

OPEN = gates.Facts(
    found=True,
    kind="subcontractor_invoice",
    status="approved",
    status_words="Approved",
    approved_statuses=frozenset({"approved", "approved_as_noted"}),
    created_by_id=7,
    service_user_id=99,
    origin_data="",
    approved_at=ON + timedelta(days=1),
    approval_is_certain=True,
    periods=(gates.Period(ON, None),),
    has_active_quickbooks=True,
)


def test_all_gates_open() -> None:
    assert gates.first_shut(gates.decide(OPEN)) is None


@pytest.mark.parametrize(
    ("change", "shut"),
    [
        ({"found": False}, "found"),
        ({"kind": "direct_cost"}, "kind"),
        ({"status": "draft"}, "status"),
        ({"status": "under_review"}, "status"),
        ({"status": "revise_and_resubmit"}, "status"),
        ({"status": "pending_owner_approval"}, "status"),
        ({"status": ""}, "status"),
        ({"status": "approved_as_noted"}, None),
        ({"status": "approved_as_noted", "approved_statuses": frozenset({"approved"})}, "status"),
        ({"created_by_id": 99}, "created_in_procore"),
        ({"service_user_id": None, "created_by_id": None}, None),
        ({"origin_data": '{"made by": "inBuild"}'}, "created_in_procore"),
        ({"origin_data": "another ERP"}, None),
        ({"approved_at": None}, "mirroring"),
        ({"periods": ()}, "mirroring"),
        ({"approved_at": ON - 3 * MINUTE}, "mirroring"),
        ({"approved_at": ON - MINUTE}, None),
        ({"has_active_quickbooks": False}, "quickbooks"),
    ],
)
def test_one_fact_shuts_one_gate(change: dict[str, object], shut: str | None) -> None:
    found = gates.first_shut(gates.decide(replace(OPEN, **change)))  # type: ignore[arg-type]
    assert (found.name if found else None) == shut
    if found:
        assert found.reason.endswith(".")


def test_after_off_nothing_new_even_if_approved_while_it_was_on() -> None:
    facts = replace(OPEN, periods=(gates.Period(ON, OFF),))
    shut = gates.first_shut(gates.decide(facts))
    assert shut is not None
    assert shut.name == "mirroring"
    assert "off before it came" in shut.reason


def test_a_reason_tells_the_time_of_the_companys_zone() -> None:
    facts = replace(OPEN, periods=(), zone=ZoneInfo("America/Chicago"))
    shut = gates.first_shut(gates.decide(facts))
    assert shut is not None
    assert "Mar 02, 2026, 06:00 CST" in shut.reason


def test_approved_between_two_periods_does_not_count() -> None:
    again = OFF + timedelta(days=5)
    facts = replace(
        OPEN, periods=(gates.Period(ON, OFF), gates.Period(again, None)), approved_at=OFF + timedelta(days=2)
    )
    shut = gates.first_shut(gates.decide(facts))
    assert shut is not None
    assert shut.name == "mirroring"


def test_approved_in_an_earlier_period_counts_while_the_switch_is_on_again() -> None:
    again = OFF + timedelta(days=5)
    facts = replace(
        OPEN, periods=(gates.Period(ON, OFF), gates.Period(again, None)), approved_at=ON + timedelta(days=2)
    )
    assert gates.first_shut(gates.decide(facts)) is None


def test_the_order_is_the_order_of_the_questions() -> None:
    names = [gate.name for gate in gates.decide(OPEN)]
    assert names == ["found", "kind", "status", "created_in_procore", "mirroring", "quickbooks"]
    everything_wrong = replace(OPEN, found=False, kind="x", status="draft", has_active_quickbooks=False, periods=())
    shut = gates.first_shut(gates.decide(everything_wrong))
    assert shut is not None
    assert shut.name == "found"
