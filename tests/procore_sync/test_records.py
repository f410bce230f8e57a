"""An invoice of Procore's as our own record: subcontractor invoices and direct costs."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procore_sync import identities, reading, records

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "procore"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason="../shared/reference/procore is missing here")


def reference(name: str) -> Any:
    return json.loads((REFERENCE / name).read_text(), parse_float=Decimal)


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
    invoice = records.subcontractor_invoice(data)
    detail = [detail_row(item, before["items"]) for item in data["items"]]
    lines, amounts = records.subcontractor_invoice_lines(detail, data["items"])
    found_gross = sum((line.gross for line in lines), Decimal(0))
    found_retainage = sum((line.retainage for line in lines), Decimal(0))
    assert found_gross + found_retainage == invoice.amount_due
    assert records.mismatch(data, amounts) == ""
    if gross and retainage and due:
        assert (found_gross, found_retainage, invoice.amount_due) == tuple(map(Decimal, (gross, retainage, due)))


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
    invoice = records.subcontractor_invoice(data)
    assert invoice.number == "123"
    assert invoice.amount_due == Decimal("10812.60")
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
        {"vendor_name": " "},
    ],
)
def test_a_record_that_cannot_be_trusted_is_refused_whole(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "id": 1,
        "project_id": 2,
        "status": "approved",
        "invoice_number": "A-1",
        "vendor_name": "Apex Electrical",
        "billing_date": "2026-01-31",
        "summary": {
            "current_payment_due": "10.00",
            "total_earned_less_retainage": "10.00",
            "less_previous_certificates_for_payment": "0.00",
        },
    }
    assert records.subcontractor_invoice(good).number == "A-1"
    with pytest.raises(reading.Unreadable):
        records.subcontractor_invoice(good | change)


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
    found = records.approval(list(reversed(rows)))
    assert found == records.Approval(datetime(2026, 1, 3, 10, tzinfo=UTC), "Dana")


def test_a_taken_back_approval_and_a_silent_history_tell_nothing() -> None:
    assert (
        records.approval(
            history(("2026-01-01T10:00:00Z", "draft", "approved"), ("2026-01-02T10:00:00Z", "approved", "draft"))
        )
        is None
    )
    assert records.approval([]) is None
    assert (
        records.approval([{"column": "billing_date", "new_value": "approved", "created_at": "2026-01-01T10:00:00Z"}])
        is None
    )


def test_approved_as_noted_after_approved_keeps_the_first_moment() -> None:
    rows = history(
        ("2026-01-01T10:00:00Z", "draft", "approved"), ("2026-01-05T10:00:00Z", "approved", "approved_as_noted")
    )
    found = records.approval(rows)
    assert found is not None
    assert found.at.day == 1


DIRECT_COST: dict[str, Any] = {
    "id": 562949953443325,
    "status": "approved",
    "direct_cost_type": "invoice",
    "invoice_number": " INV-7 ",
    "direct_cost_date": "2026-03-04",
    "grand_total": "1,250.50",
    "amount": "1250.50",
    "vendor": {"id": 5, "name": "Apex Electrical"},
    "created_at": "2026-03-04T10:00:00Z",
    "updated_at": "2026-03-05T10:00:00Z",
    "line_items": [
        {"id": 1, "amount": "1000.00", "total_amount": "1000.00", "description": "Cable",
         "wbs_code": {"id": 9, "flat_code": "26-100.M", "description": "Electrical"}},
        {"id": 2, "amount": Decimal("250.5"), "description": "", "cost_code": {"full_code": "26-200", "name": "Gear"}},
    ],
}  # fmt: skip


def test_a_direct_cost_is_read_with_its_lines() -> None:
    record = records.direct_cost(DIRECT_COST, 77)
    assert (record.kind, record.cost_type, record.project_id) == ("direct_cost", "invoice", 77)
    assert (record.number, record.vendor_id, record.vendor_name) == ("INV-7", 5, "Apex Electrical")
    assert record.amount_due == Decimal("1250.50")
    assert record.is_approved
    lines = records.direct_cost_lines(DIRECT_COST)
    assert [(line.gross, line.cost_code, line.cost_code_name) for line in lines] == [
        (Decimal("1000.00"), "26-100.M", "Electrical"),
        (Decimal("250.50"), "26-200", "Gear"),
    ]
    assert all(line.retainage == 0 for line in lines)


def test_the_vendor_of_a_direct_cost_is_a_string_in_the_list_and_an_object_in_the_show() -> None:
    listed = DIRECT_COST | {"vendor": "Apex Electrical", "vendor_id": 5}
    assert records.direct_cost(listed, 77).vendor_name == records.direct_cost(DIRECT_COST, 77).vendor_name
    assert records.direct_cost(listed, 77).vendor_id == 5


@pytest.mark.parametrize(
    ("change", "readable"),
    [
        ({"vendor": None}, False),
        ({"vendor": None, "direct_cost_type": "payroll"}, True),
        ({"invoice_number": None}, False),
        ({"invoice_number": None, "direct_cost_type": "expense"}, True),
        ({"grand_total": None, "amount": None}, False),
        ({"grand_total": "9.28%"}, False),
        ({"grand_total": "", "amount": 17}, True),
        ({"something_new": {"deep": [1, 2]}}, True),
        ({"id": "562949953443325"}, True),
    ],
)
def test_a_direct_cost_that_cannot_be_trusted_is_refused_whole(change: dict[str, Any], readable: bool) -> None:
    if readable:
        assert records.direct_cost(DIRECT_COST | change, 77)
    else:
        with pytest.raises(reading.Unreadable):
            records.direct_cost(DIRECT_COST | change, 77)


def test_a_direct_cost_without_lines_is_refused() -> None:
    with pytest.raises(reading.Unreadable):
        records.direct_cost_lines(DIRECT_COST | {"line_items": None})


G702 = {
    "original_contract_sum": Decimal("1000.00"),
    "net_change_by_change_orders": Decimal("200.00"),
    "contract_sum_to_date": Decimal("1200.00"),
    "total_completed_and_stored_to_date": Decimal("500.00"),
    "total_retainage": Decimal("50.00"),
    "total_earned_less_retainage": Decimal("450.00"),
    "less_previous_certificates_for_payment": Decimal("150.00"),
    "current_payment_due": Decimal("300.00"),
    "balance_to_finish_including_retainage": Decimal("750.00"),
    "tax_applicable_to_this_payment": Decimal("0.00"),
}
G703 = [
    {"total_completed_and_stored_to_date": Decimal("300.00"), "scheduled_value": Decimal("700.00")},
    {"total_completed_and_stored_to_date": Decimal("200.00"), "scheduled_value": Decimal("500.00")},
]


def test_the_identities_of_a_right_invoice_hold() -> None:
    assert identities.first_broken(G702, G703) is None


@pytest.mark.parametrize("name", [name for name in G702 if name != "tax_applicable_to_this_payment"])
def test_one_cent_in_any_amount_breaks_an_identity_and_both_numbers_are_told(name: str) -> None:
    found = identities.first_broken(G702 | {name: G702[name] + Decimal("0.01")}, G703)
    assert found is not None
    assert abs(found.stated - found.added_up) == Decimal("0.01")
    assert f"{found.stated:,.2f}" in found.sentence
    assert f"{found.added_up:,.2f}" in found.sentence


@pytest.mark.parametrize("name", ["total_completed_and_stored_to_date", "scheduled_value"])
def test_one_cent_in_a_line_breaks_an_identity(name: str) -> None:
    lines = [G703[0] | {name: G703[0][name] + Decimal("0.01")}, G703[1]]
    assert identities.first_broken(G702, lines) is not None


def test_tax_on_top_or_within_is_both_right() -> None:
    taxed = G702 | {"tax_applicable_to_this_payment": Decimal("24.00")}
    assert identities.first_broken(taxed, G703) is None
    assert identities.first_broken(taxed | {"current_payment_due": Decimal("324.00")}, G703) is None
    assert identities.first_broken(taxed | {"current_payment_due": Decimal("325.00")}, G703) is not None


@given(st.sampled_from(sorted(G702)))
def test_what_procore_does_not_tell_is_not_judged(name: str) -> None:
    assert identities.first_broken({key: value for key, value in G702.items() if key != name}, G703) is None


def test_the_same_money_told_at_two_levels_counts_once() -> None:
    def row(kind: str, procore_id: int, amount: str) -> dict[str, Any]:
        return {
            "id": procore_id,
            "item_type": kind,
            "total_completed_and_stored_to_date": amount,
            "total_completed_and_stored_to_date_from_previous": "0.00",
            "total_retainage_currently_retained": "0.00",
            "total_retainage_from_previous_application": "0.00",
        }

    both = [
        row("contract_item", 1, "300.00"),
        row("contract_detail_item", 2, "100.00"),
        row("contract_detail_item", 3, "200.00"),
        row("change_order_item", 4, "50.00"),
    ]
    lines, _ = records.subcontractor_invoice_lines(both, [])
    assert sum(line.gross for line in lines) == Decimal("350.00")
    # Different money at both levels is all kept, and the identities judge.
    lines, _ = records.subcontractor_invoice_lines([row("contract_item", 1, "301.00"), *both[1:]], [])
    assert sum(line.gross for line in lines) == Decimal("651.00")


def test_the_digest_of_a_listed_row_does_not_change_with_its_signed_links() -> None:
    listed = {"id": 1, "status": "approved", "attachments": [{"id": 1, "url": "https://storage/?sig=a"}]}
    again = listed | {"attachments": [{"id": 1, "url": "https://storage/?sig=b"}]}
    assert records.listed_sha256(listed) == records.listed_sha256(again)
    assert records.listed_sha256(listed) != records.listed_sha256(listed | {"status": "draft"})
