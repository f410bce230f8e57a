"""Every row of the table of Intuit's faults (its reference, section 4): who must act, and what may be sent again."""

from __future__ import annotations

from typing import Any

import pytest

from accounting import configuring, posting
from accounting.backends import NeedsReconnect, NotSent, Refused, Unknown
from accounting.models import Bill, Integration
from accounting.problems import CATALOGUE
from companies.models import Company, User
from qbo import faults
from tests.quickbooks.qbo.test_backend import again, approved, posted
from tests.support import work
from tests.support.emulated import REALM, IntuitEmulator

NO_ACCESS, LATER = ("100", "110", "120", "3100", "3200"), ("130", "140", "150")
OPEN = ("3001", "1000", "10000", "9999")
REFUSED = {
    "500": "refused",
    "610": "inactive",
    "620": "refused",
    "700": "refused",
    "800": "refused",
    "2010": "refused",
    "2020": "refused",
    "2030": "refused",
    "2050": "refused",
    "2080": "refused",
    "2170": "refused",
    "2500": "reference",
    "4000": "refused",
    "4001": "refused",
    "5010": "changed_in_books",
    "5020": "not_in_plan",
    "5030": "not_in_plan",
    "6000": "refused",
    "6030": "refused",
    "6040": "refused",
    "6050": "refused",
    "6070": "refused",
    "6140": "bill_number_taken",
    "6190": "subscription",
    "6210": "closed_period",
    "6240": "vendor_name_taken",
    "6540": "refused",
}


def fault(code: str, status: int = 400, kind: str = "SystemFault", **error: Any) -> faults.Fault:
    body = {"Fault": {"Error": [{"Message": "No", "code": code} | error], "type": kind}}
    found = faults.read(status, body, {"intuit_tid": "tid-1"})
    assert found is not None
    return found


@pytest.mark.parametrize("code", NO_ACCESS + LATER)
def test_nothing_was_looked_at(code: str) -> None:
    with pytest.raises(NeedsReconnect if code in NO_ACCESS else NotSent):
        faults.of_write(fault(code))


@pytest.mark.parametrize("code", OPEN)
@pytest.mark.parametrize("status", [400, 500, 503])
def test_only_a_look_can_tell(code: str, status: int) -> None:
    outcome = faults.of_write(fault(code, status))
    assert isinstance(outcome, Unknown)
    assert outcome.trace_id == "tid-1"


@pytest.mark.parametrize("code", ["1000", "10000"])
def test_intuits_own_errors_are_no_refusal_under_any_name(code: str) -> None:
    assert isinstance(faults.of_write(fault(code, 400, "ValidationFault")), Unknown)


@pytest.mark.parametrize("code", REFUSED)
def test_a_definite_refusal_has_its_problem(code: str) -> None:
    outcome = faults.of_write(fault(code))
    assert isinstance(outcome, Refused)
    assert outcome.problem == REFUSED[code]
    assert outcome.problem in CATALOGUE
    assert dict(faults.REFUSALS) == REFUSED
    under_200 = faults.of_write(fault(code, 200))
    assert isinstance(under_200, Unknown)
    assert under_200.if_absent == outcome


def test_a_bad_value_names_its_field() -> None:
    said = fault("2080", Detail="Number is too large.", element="Line.Amount").plain
    assert said == "Number is too large (Line.Amount)."


@pytest.mark.django_db
def test_an_ended_subscription_stops_the_sync_and_not_each_bill(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.no_bell(monkeypatch)
    intuit.switches(realm=REALM, company_status="6190")
    first = posted(company, approved(company, "A-1"))
    second = posted(company, approved(company, "A-2"))
    assert (first.state, first.problem) == (Bill.State.FAILED, "subscription")
    assert (second.state, second.problem) == (Bill.State.READY, "paused")
    quickbooks.refresh_from_db()
    assert quickbooks.paused
    intuit.switches(realm=REALM, company_status="active")
    assert configuring.resume(quickbooks, user=admin) == 1
    posting.retry(first, user=admin)
    again(company, second.invoice)
    assert len(intuit.bills()) == 2
