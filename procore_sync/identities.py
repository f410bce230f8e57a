"""The sums that an invoice of Procore's must satisfy to the cent. Pure.

Procore: AIA G702 (the summary) and G703 (the lines); direct costs: the lines and the grand total.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from invoices.amounts import Mismatch
from procore_sync.reading import money

Amounts = Mapping[str, Decimal]

SUMMARY = (
    "original_contract_sum",
    "net_change_by_change_orders",
    "contract_sum_to_date",
    "total_completed_and_stored_to_date",
    "total_retainage",
    "total_earned_less_retainage",
    "less_previous_certificates_for_payment",
    "current_payment_due",
    "balance_to_finish_including_retainage",
    "tax_applicable_to_this_payment",
)


def amounts_of(summary: Mapping[str, object]) -> dict[str, Decimal]:
    """The amounts of a G702 that are there. Raises Unreadable for one that is no amount."""
    return {name: money(summary[name], name) for name in SUMMARY if summary.get(name) not in (None, "")}


def first_broken(summary: Amounts, lines: Sequence[Amounts]) -> Mismatch | None:
    """The first identity of G702 and G703 that does not hold; one whose parts are not all told is not judged."""
    return next((found for found in _identities(summary, lines) if found and found.stated != found.added_up), None)


def _identities(summary: Amounts, lines: Sequence[Amounts]) -> Iterable[Mismatch | None]:
    due = _sum(summary, "total_earned_less_retainage", "-less_previous_certificates_for_payment")
    tax = summary.get("tax_applicable_to_this_payment", Decimal(0))
    # It is not documented whether tax comes on top of the payment due or is part of it.
    if due is not None and tax and summary.get("current_payment_due") == due + tax:
        due += tax
    yield _stated(summary, "current_payment_due", due, "Current payment due")
    yield _stated(
        summary,
        "total_earned_less_retainage",
        _sum(summary, "total_completed_and_stored_to_date", "-total_retainage"),
        "Earned less retainage",
    )
    yield _stated(
        summary,
        "total_completed_and_stored_to_date",
        _total(lines, "total_completed_and_stored_to_date"),
        "Completed and stored to date, all lines",
    )
    yield _stated(
        summary, "contract_sum_to_date", _total(lines, "scheduled_value"), "Contract sum to date, scheduled values"
    )
    yield _stated(
        summary,
        "contract_sum_to_date",
        _sum(summary, "original_contract_sum", "net_change_by_change_orders"),
        "Contract sum to date",
    )
    yield _stated(
        summary,
        "balance_to_finish_including_retainage",
        _sum(summary, "contract_sum_to_date", "-total_earned_less_retainage"),
        "Balance to finish",
    )


def _stated(summary: Amounts, name: str, added_up: Decimal | None, what: str) -> Mismatch | None:
    if added_up is None or name not in summary:
        return None
    return Mismatch(what, summary[name], added_up)


def _sum(summary: Amounts, *names: str) -> Decimal | None:
    """A name with a minus before it is taken off; None when one is missing."""
    if any(name.lstrip("-") not in summary for name in names):
        return None
    return sum((-summary[name[1:]] if name.startswith("-") else summary[name] for name in names), Decimal(0))


def _total(lines: Sequence[Amounts], name: str) -> Decimal | None:
    if not lines or any(name not in line for line in lines):
        return None
    return sum((line[name] for line in lines), Decimal(0))
