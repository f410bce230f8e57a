"""I18: money is exact from the form or Procore's JSON to the bytes that leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounting import holds
from accounting.models import Bill, Integration, ListEntry
from companies.models import Company
from invoices import recording
from procore_sync import reading
from qbo import document

pytestmark = pytest.mark.django_db

CENTS = st.decimals(min_value=Decimal("-99999999.99"), max_value=Decimal("99999999.99"), places=2)
AWKWARD = st.sampled_from([Decimal("0.00"), Decimal("0.01"), Decimal("-0.01"), Decimal("0.10"), Decimal("33333.33")])
LINE = st.tuples(CENTS | AWKWARD, CENTS | AWKWARD)


@pytest.fixture
def integration(company: Company) -> Integration:
    made = Integration.objects.create(company=company, kind="qbo", external_id="1", state="connected")
    entries = [
        ListEntry.objects.create(
            company=company, integration=made, kind="account", external_id=str(number), name=str(number)
        )
        for number in range(3)
    ]
    made.ap_account, made.expense_account, made.retainage_account = entries
    made.set_up_at = timezone.now()
    made.save()
    return made


def test_i18(company: Company, integration: Integration, figures: Callable[[str], None]) -> None:
    ListEntry.objects.create(company=company, integration=integration, kind="vendor", external_id="9", name="Delta")
    cases = sent = 0

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(LINE, min_size=1, max_size=12), st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("-0.01")]))
    def run(amounts: list[tuple[Decimal, Decimal]], off_by: Decimal) -> None:
        nonlocal cases, sent
        cases += 1
        bill = _bill(company, integration, amounts, off_by, cases)
        hold = holds.find(bill, integration)
        if off_by:
            assert isinstance(hold, holds.Hold)
            assert hold.problem == "amounts"
        if isinstance(hold, holds.Hold):
            return
        sent += 1
        body = simplejson.loads(document.build(bill, integration, hold), use_decimal=True)
        numbers = [line["Amount"] for line in body["Line"]]
        assert all(isinstance(number, Decimal) and number.as_tuple().exponent == -2 for number in numbers)
        assert sum(numbers) == bill.invoice.amount_due

    run()
    figures(f"cases {cases} · documents built {sent} · total mismatch pushed 0")
    assert sent > 20


def _bill(
    company: Company, integration: Integration, amounts: list[tuple[Decimal, Decimal]], off_by: Decimal, number: int
) -> Bill:
    gross = sum((line[0] for line in amounts), Decimal(0))
    retainage = sum((line[1] for line in amounts), Decimal(0))
    new = recording.NewInvoice(
        vendor_name="Delta",
        vendor_procore_id=1,
        number=f"N{number}",
        invoice_date=date(2026, 1, 1),
        currency="USD",
        gross=gross,
        retainage=retainage,
        amount_due=gross + retainage + off_by,
        lines=tuple(recording.NewLine("x", *line) for line in amounts),
    )
    invoice = recording.record_from_procore(company, new)
    return Bill(company=company, invoice=invoice, integration=integration)


@pytest.mark.parametrize(
    "value", ["9.28%", "1.005", 0.1 + 0.2, "NaN", "Infinity", "1e3x", "", None, True, [], "--5", "1.234,50", 10**15]
)
def test_what_is_no_exact_amount_is_refused(value: Any) -> None:
    with pytest.raises(reading.Unreadable):
        reading.money(Decimal(str(value)) if isinstance(value, float) else value, "x")


@pytest.mark.parametrize("value", ["1,234.50", "1234.5", "-0.01", 0, Decimal("1.10"), " 5.00 ", "1e2"])
def test_what_is_an_exact_amount_is_kept(value: Any) -> None:
    assert reading.money(value, "x") == Decimal(str(value).strip().replace(",", ""))
