"""Procore's JSON, as it is documented and as it should never be."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procore_sync import reading

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "procore"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason="../shared/reference/procore is missing here")


def reference(name: str) -> Any:
    return json.loads((REFERENCE / name).read_text(), parse_float=Decimal)


@needs_reference
@pytest.mark.parametrize(
    ("version", "resource", "procore_id", "project_id"),
    [
        ("v2_0", "RFIs", 54321, 2468013579),
        ("v3_0", "Direct Cost Line Items", 379913, 2468013579),
        ("v4_0", "Direct Cost Line Items", 379913, 6778),
        ("v4_0_observed", "Projects", 598134326517540, None),
    ],
)
def test_every_documented_format(version: str, resource: str, procore_id: int, project_id: int | None) -> None:
    body = json.dumps(reference("webhook_payloads.json")[version]).encode()
    event = reading.event(body)
    assert (event.resource, event.procore_id, event.project_id) == (resource, procore_id, project_id)
    assert event.reason in ("update", "create")


def test_the_event_key_is_procores_ulid_then_its_id_then_the_bytes() -> None:
    assert reading.event_key(b'{"id": 5, "ulid": "01ABC"}') == "id:01ABC"
    assert reading.event_key(b'{"id": "01XYZ"}') == "id:01XYZ"
    assert reading.event_key(b'{"id": {"$ne": 1}}').startswith("sha256:")
    assert reading.event_key(b"not json").startswith("sha256:")
    assert reading.event_key(b"a") != reading.event_key(b"b")


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_called_unreadable(body: bytes) -> None:
    assert len(reading.event_key(body)) <= 80
    try:
        event = reading.event(body)
    except reading.Unreadable:
        return
    assert event.procore_id > 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {
            "resource_name": JSON,
            "event_type": JSON,
            "resource_id": JSON,
            "company_id": JSON,
            "project_id": JSON,
            "id": JSON,
        }
    )
)
def test_any_json_with_the_right_keys_is_read_or_called_unreadable(data: dict[str, Any]) -> None:
    body = json.dumps(data).encode()
    assert len(reading.event_key(body)) <= 80
    try:
        event = reading.event(body)
    except reading.Unreadable:
        return
    assert 0 < event.procore_id <= reading.MAX_ID
    assert "\x00" not in event.resource


@pytest.mark.parametrize("value", [True, None, 1.5, "1e2", -3, 0, "", "9" * 40, {}, [], "12a", 10**19])
def test_what_is_no_id(value: object) -> None:
    body = json.dumps(
        {
            "resource_name": "Draw Requests",
            "event_type": "update",
            "company_id": 1,
            "project_id": 1,
            "resource_id": value,
        }
    ).encode()
    with pytest.raises(reading.Unreadable):
        reading.event(body)


@needs_reference
@pytest.mark.parametrize(
    ("procore_id", "gross", "retainage", "due"),
    [
        (58821, "17000.00", "-1700.00", "15300.00"),
        (58822, "15500.00", "-1550.00", "13950.00"),
        (58823, None, None, None),
        (58824, None, None, None),
    ],
)
def test_the_worked_examples_add_up(procore_id: int, gross: str | None, retainage: str | None, due: str | None) -> None:
    examples = {row["id"]: row for row in reference("synthetic_requisitions_consistent.json")["requisitions"]}
    data = examples[procore_id]
    before = examples.get(data["previous_requisition_id"], {"items": []})
    invoice = reading.subcontractor_invoice(data)
    lines = reading.lines([detail_row(item, before["items"]) for item in data["items"]], data["items"])
    found_gross = sum((line.gross for line in lines), Decimal(0))
    found_retainage = sum((line.retainage for line in lines), Decimal(0))
    assert found_gross + found_retainage == invoice.current_payment_due
    assert invoice.earned_less_retainage - invoice.previous_certificates == invoice.current_payment_due
    if gross and retainage and due:
        assert (found_gross, found_retainage, invoice.current_payment_due) == tuple(
            map(Decimal, (gross, retainage, due))
        )


def detail_row(item: dict[str, Any], before: list[dict[str, Any]]) -> dict[str, Any]:
    """A `/detail` row as documented, from an item of the worked examples (four invoices of one commitment)."""

    def amount(name: str) -> Decimal:
        return Decimal(str(item.get(name) or "0"))

    work_before = amount("work_completed_retainage_from_previous_application")
    work_now = (
        work_before
        + amount("work_completed_retainage_retained_this_period")
        - amount("work_completed_retainage_released_this_period")
    )
    materials_now = amount("materials_stored_retainage_currently_retained")
    earlier = [row for row in before if row["line_item_id"] == item["line_item_id"]]
    materials_before = Decimal(earlier[0]["materials_stored_retainage_currently_retained"]) if earlier else Decimal(0)
    return {
        "id": item["id"],
        "description_of_work": item["description_of_work"],
        "total_completed_and_stored_to_date": item["total_completed_and_stored_to_date"],
        "total_retainage_currently_retained": work_now + materials_now,
        "total_retainage_from_previous_application": work_before + materials_before,
    }


@needs_reference
def test_a_sample_of_mixed_types_is_read() -> None:
    data = reference("sample_requisition_v1_1_extended.json")["requisition"]
    invoice = reading.subcontractor_invoice(data)
    assert invoice.number == "123"
    assert invoice.current_payment_due == Decimal("10812.60")
    assert invoice.billing_date == date(2013, 11, 20)


@pytest.mark.parametrize(
    "change",
    [
        {"summary": None},
        {"summary": {"current_payment_due": "9.28%"}},
        {"summary": {"current_payment_due": "1.005"}},
        {"summary": {"current_payment_due": "1e15"}},
        {"summary": {"current_payment_due": "NaN"}},
        {"id": None},
        {"billing_date": "31.02.2026", "requisition_end": None},
        {"invoice_number": "", "number": None},
    ],
)
def test_a_record_that_cannot_be_trusted_is_refused_whole(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "id": 1,
        "project_id": 2,
        "status": "approved",
        "invoice_number": "A-1",
        "billing_date": "2026-01-31",
        "summary": {
            "current_payment_due": "10.00",
            "total_earned_less_retainage": "10.00",
            "less_previous_certificates_for_payment": "0.00",
        },
    }
    assert reading.subcontractor_invoice(good).number == "A-1"
    with pytest.raises(reading.Unreadable):
        reading.subcontractor_invoice(good | change)


def history(*changes: tuple[str, str, str], column: str = "status") -> list[dict[str, Any]]:
    return [
        {"column": column, "old_value": old, "new_value": new, "created_at": at, "action_by": "Dana"}
        for at, old, new in changes
    ]


@pytest.mark.parametrize("column", ["status", "Status", "invoice_status"])
@pytest.mark.parametrize("word", ["approved", "Approved", "Approved as Noted", "approved_as_noted"])
def test_the_latest_approval_that_still_stands(column: str, word: str) -> None:
    rows = history(
        ("2026-01-01T10:00:00Z", "under_review", word),
        ("2026-01-02T10:00:00Z", word, "under_review"),
        ("2026-01-03T10:00:00Z", "under_review", word),
        column=column,
    )
    found = reading.approval(list(reversed(rows)))
    assert found == reading.Approval(datetime(2026, 1, 3, 10, tzinfo=UTC), "Dana")


def test_a_taken_back_approval_and_a_silent_history_tell_nothing() -> None:
    assert (
        reading.approval(
            history(("2026-01-01T10:00:00Z", "draft", "approved"), ("2026-01-02T10:00:00Z", "approved", "draft"))
        )
        is None
    )
    assert reading.approval([]) is None
    assert (
        reading.approval([{"column": "billing_date", "new_value": "approved", "created_at": "2026-01-01T10:00:00Z"}])
        is None
    )


def test_approved_as_noted_after_approved_keeps_the_first_moment() -> None:
    rows = history(
        ("2026-01-01T10:00:00Z", "draft", "approved"), ("2026-01-05T10:00:00Z", "approved", "approved_as_noted")
    )
    found = reading.approval(rows)
    assert found is not None
    assert found.at.day == 1


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=2, allow_nan=False, allow_infinity=False))
def test_amounts_survive_as_text_and_number(amount: Decimal) -> None:
    assert reading.money(str(amount), "x") == amount
    assert reading.money(amount, "x") == amount
    assert reading.money(f"{amount:,}", "x") == amount
