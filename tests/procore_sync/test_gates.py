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
    cost_type="invoice",
    status="approved",
    status_words="Approved",
    approved_statuses=frozenset({"approved", "approved_as_noted"}),
    created_by_id=7,
    service_user_id=99,
    is_sent_by_us=False,
    may_be_ours=False,
    approved_at=ON + timedelta(days=1),
    approved_by="Dana Reyes",
    approval_source="history",
    latest_change_at=ON + timedelta(days=2),
    periods=(gates.Period(ON, None),),
    has_active_quickbooks=True,
)


def test_all_gates_open() -> None:
    assert gates.first_shut(gates.decide(OPEN)) is None


@pytest.mark.parametrize(
    ("change", "shut"),
    [
        ({"found": False}, "found"),
        ({"kind": "direct_cost"}, None),
        ({"kind": "direct_cost", "cost_type": "expense"}, "kind"),
        ({"kind": "direct_cost", "cost_type": "payroll"}, "kind"),
        ({"kind": "direct_cost", "cost_type": "subcontractor_invoice"}, "kind"),
        ({"kind": "direct_cost", "cost_type": ""}, "kind"),
        ({"kind": "payment"}, "kind"),
        ({"status": "draft"}, "status"),
        ({"status": "under_review"}, "status"),
        ({"status": "revise_and_resubmit"}, "status"),
        ({"status": "pending_owner_approval"}, "status"),
        ({"status": ""}, "status"),
        ({"status": "approved_as_noted"}, None),
        ({"status": "approved_as_noted", "approved_statuses": frozenset({"approved"})}, "status"),
        ({"created_by_id": 99}, "created_in_procore"),
        ({"service_user_id": None, "created_by_id": None}, None),
        ({"is_sent_by_us": True}, "created_in_procore"),
        ({"may_be_ours": True}, "created_in_procore"),
        ({"approved_at": None}, "mirroring"),
        ({"approved_at": None, "latest_change_at": ON - timedelta(days=3)}, "mirroring"),
        ({"approved_at": None, "latest_change_at": None}, "mirroring"),
        ({"approved_at": None, "chosen_by": "Ann"}, None),
        ({"periods": (), "chosen_by": "Ann"}, None),
        ({"periods": (), "chosen_by": "Ann", "has_active_quickbooks": False}, "quickbooks"),
        ({"status": "draft", "chosen_by": "Ann"}, "status"),
        ({"is_sent_by_us": True, "chosen_by": "Ann"}, "created_in_procore"),
        ({"dismissed": True}, "mirroring"),
        ({"dismissed": True, "chosen_by": "Ann"}, None),
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
    for gate in gates.decide(replace(OPEN, **change)):  # type: ignore[arg-type]
        assert bool(gate.evidence) == gate.is_open
        assert bool(gate.reason) != gate.is_open


def test_waiting_may_open_a_gate_that_is_not_final() -> None:
    for change in ({"status": "draft"}, {"may_be_ours": True}, {"found": False}):
        shut = gates.first_shut(gates.decide(replace(OPEN, **change)))
        assert shut is not None
        assert not shut.final


def test_without_a_history_the_last_change_tells_that_it_was_approved_before() -> None:
    facts = replace(OPEN, approved_at=None, approval_source="", latest_change_at=ON - timedelta(days=3))
    shut = gates.first_shut(gates.decide(facts))
    assert shut is not None
    assert "before the switch was turned on" in shut.reason
    touched = gates.first_shut(gates.decide(replace(facts, latest_change_at=ON + timedelta(days=3))))
    assert touched is not None
    assert "a person must decide" in touched.reason


def test_after_off_nothing_new_even_if_approved_while_it_was_on() -> None:
    facts = replace(OPEN, periods=(gates.Period(ON, OFF),))
    shut = gates.first_shut(gates.decide(facts))
    assert shut is not None
    assert shut.name == "switch"
    assert shut.name in gates.PRESELECTED
    assert "off before it came" in shut.reason


def test_a_reason_tells_the_time_of_the_companys_zone() -> None:
    facts = replace(OPEN, periods=(), zone=ZoneInfo("America/Chicago"))
    shut = gates.first_shut(gates.decide(facts))
    assert shut is not None
    assert "Mar 2, 2026, 6:00 AM CST" in shut.reason


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
    assert names == ["found", "kind", "status", "created_in_procore", "mirroring", "switch", "quickbooks"]
    everything_wrong = replace(OPEN, found=False, kind="x", status="draft", has_active_quickbooks=False, periods=())
    shut = gates.first_shut(gates.decide(everything_wrong))
    assert shut is not None
    assert shut.name == "found"
