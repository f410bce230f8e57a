"""Completeness: a month is set side by side from Procore's and QuickBooks' own answers; each difference is named."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Mapping
from typing import Any

import pytest
from django.db.models.functions import Now

from accounting.models import Bill, Integration
from accounting.tasks import follow_due
from companies.models import Company, Role, User
from procore_sync import mirroring
from procore_sync.models import MonthCheck, ProcoreIntegration, ProcoreInvoice
from procore_sync.tasks import completeness_due
from tests.conftest import person
from tests.support import emulated, work
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db
MONTH = "2026-03"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def switched_on(procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    return procore_integration


def posted(integration: ProcoreIntegration, procore: ProcoreEmulator, day: str = f"{MONTH}-15") -> Mapping[str, Any]:
    """An invoice of Procore's that went all the way."""
    record = procore.create(status="under_review", billing_date=day)
    procore.approve(record["id"])
    hear(integration, record)
    assert bill_of(record).state == Bill.State.SYNCED
    return next(each for each in procore.invoices() if each["id"] == record["id"])


def hear(integration: ProcoreIntegration, record: Mapping[str, Any]) -> None:
    ProcoreInvoice.hint(
        integration, kind="subcontractor_invoice", procore_id=int(record["id"]), project_id=int(record["project_id"])
    )
    work.drain(integration.company)


def bill_of(record: Mapping[str, Any]) -> Bill:
    return Bill.objects.get(invoice__procore_invoice__procore_id=record["id"])


@pytest.fixture
def checked(as_user: Any, admin: User, company: Company) -> Any:
    """Presses *Check*, works until it is done, and gives the words of the page."""

    def press(month: str = MONTH) -> str:
        client = as_user(admin)
        assert client.post("/procore/completeness/check/", {"month": month}).status_code == 302
        worked(company)
        return words(client.get("/procore/completeness/", {"month": month}).content.decode())

    return press


def worked(company: Company) -> None:
    for _ in range(20):
        MonthCheck.objects.filter(company=company, done_at=None).update(next_at=Now())
        Integration.objects.filter(company=company).update(next_at=Now())
        completeness_due(company_id=company.pk)
        follow_due(company_id=company.pk)
        if not MonthCheck.objects.filter(company=company, done_at=None).exists():
            return
    raise AssertionError("The check is not done.")


def words(page: str) -> str:
    part = page.split('id="completeness"', 1)[-1].split("<footer", 1)[0].split(">", 1)[-1]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", part))).replace(" .", ".")


def test_a_month_that_ties_out_says_so_with_the_time(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, checked: Any
) -> None:
    records = [posted(switched_on, procore) for _ in range(2)]
    posted(switched_on, procore, "2026-04-01")
    draft = procore.create(status="under_review", billing_date=f"{MONTH}-31")
    hear(switched_on, draft)
    told = checked()
    assert (
        "March 2026 ties out: all 2 invoices approved in Procore are in inBuild and in QuickBooks, to the cent" in told
    )
    assert re.search(r"Checked \w+ \d+, \d{4}, [\d:]+ [AP]M \w+ , asked by", told)
    total = sum(bill_of(record).invoice.amount_due for record in records)
    in_all = f"2 {total:,.2f} USD"
    assert f"All projects {in_all} {in_all} {in_all} 0" in told


def test_what_went_missing_on_any_side_is_named(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, checked: Any
) -> None:
    fine, unheard, gone_there, gone_here, changed = (posted(switched_on, procore) for _ in range(5))
    never = procore.create(status="under_review", billing_date=f"{MONTH}-02")
    procore.approve(never["id"])
    ProcoreInvoice.objects.filter(procore_id=unheard["id"]).delete()
    procore.delete_invoice(gone_there["id"], quiet=True)
    intuit.delete(f"bills/{emulated.REALM}/{bill_of(gone_here).external_id}")
    intuit.change(bill_of(changed).external_id, total="1.25")
    told = checked()
    assert "5 of 6 invoices differ" in told
    assert "ties out" not in told
    found = {line["number"]: line for line in _lines()}
    number = "invoice_number"
    assert found[fine[number]]["words"] == ""
    assert "had not heard of it" in found[unheard[number]]["words"]
    assert "had not heard of it" in found[never[number]]["words"]
    assert "Procore no longer shows it" in found[gone_there[number]]["words"]
    assert "QuickBooks does not have the bill any more" in found[gone_here[number]]["words"]
    assert "QuickBooks' amount is another one than inBuild's" in found[changed[number]]["words"]
    assert found[changed[number]]["books"] == "1.25"
    for record in (unheard, never, gone_there, gone_here, changed):
        assert record[number] in told

    work.drain(switched_on.company)  # what inBuild had not heard of comes by itself now
    told = checked()
    assert "had not heard" not in told
    assert bill_of(never).state == Bill.State.SYNCED


def _lines() -> list[dict[str, Any]]:
    check = MonthCheck.objects.exclude(result=None).latest("id")
    assert check.result
    return [line for project in check.result["projects"] for line in project["lines"]]


def test_what_waits_on_the_way_says_why(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, checked: Any, admin: User
) -> None:
    Integration.objects.update(paused=True)
    record = procore.create(status="under_review", billing_date=f"{MONTH}-10")
    procore.approve(record["id"])
    hear(switched_on, record)
    assert "Paused: QuickBooks Sync is paused." in checked()
    Bill.objects.update(problem="")
    assert "Not in QuickBooks: Ready to sync." in checked()
    Bill.objects.update(state=Bill.State.ON_HOLD, problem="held")
    told = checked()
    assert record["invoice_number"] in told
    assert "1 of 1 invoice differs" in told
    assert "On hold" in told
    mirroring.set_to(switched_on, False, user=admin)
    late = procore.create(status="under_review", billing_date=f"{MONTH}-20")
    procore.approve(late["id"])
    hear(switched_on, late)
    assert ProcoreInvoice.objects.get(procore_id=late["id"]).reason in checked()


def test_a_project_that_cannot_be_read_is_named_and_nothing_ties_out(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, checked: Any
) -> None:
    record = posted(switched_on, procore)
    permitted = [project.procore_id for project in switched_on.projects.all()]
    procore.permit_projects([project for project in permitted if project != record["project_id"]])
    told = checked()
    assert "ties out" not in told
    assert "No difference was found in what could be read" in told or "differ" in told


def test_while_procore_is_away_the_check_waits_and_says_so(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, checked: Any, as_user: Any, admin: User, company: Company
) -> None:
    posted(switched_on, procore)
    fault = procore.fault("503", method="GET", path="/rest/v1.1/requisitions")
    client = as_user(admin)
    for _ in range(2):
        client.post("/procore/completeness/check/", {"month": MONTH})
    assert MonthCheck.objects.count() == 1
    completeness_due(company_id=company.pk)
    page = client.get("/procore/completeness/", {"month": MONTH}).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "0 of 7 read" in words(page)
    assert "Procore" in MonthCheck.objects.get().waits_for
    procore.delete(f"faults/{fault}")
    work.forget_pacing()
    worked(company)
    assert "ties out" in words(client.get("/procore/completeness/", {"month": MONTH}).content.decode())


def test_without_quickbooks_it_does_not_claim_anything(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, checked: Any
) -> None:
    posted(switched_on, procore)
    Integration.objects.update(state=Integration.State.NEEDS_RECONNECT)
    told = checked()
    assert "could not be read" in told
    assert "ties out" not in told


def test_the_file_has_every_invoice_and_no_formula(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, checked: Any, as_user: Any, admin: User
) -> None:
    record = posted(switched_on, procore)
    assert as_user(admin).get("/procore/completeness/csv/", {"month": MONTH}).status_code == 404
    checked()
    check = MonthCheck.objects.get()
    assert check.result
    line = next(line for project in check.result["projects"] for line in project["lines"])
    line["vendor"] = "=1+1"
    check.save()
    answer = as_user(admin).get("/procore/completeness/csv/", {"month": MONTH})
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeffProject,Invoice,")
    head, row = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    told = dict(zip(head, row, strict=True))
    amount = str(bill_of(record).invoice.amount_due)
    assert (told["Invoice"], told["Vendor"], told["Billing date"]) == (record["invoice_number"], "'=1+1", f"{MONTH}-15")
    assert told["Approved in Procore"] == told["In inBuild"] == told["In QuickBooks"] == amount
    assert told["Difference"] == ""


@pytest.mark.parametrize("month", ["", "nonsense", "2026-13", "0000-01", "99999-1", "2026-03-01", "\x00", "2026--1"])
def test_a_month_that_is_none_shows_this_one(as_user: Any, admin: User, month: str) -> None:
    answer = as_user(admin).get("/procore/completeness/", {"month": month})
    assert answer.status_code == 200
    assert "was not checked yet" in words(answer.content.decode())


def test_viewers_read_and_other_companies_see_nothing(
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    checked: Any,
    as_user: Any,
    company: Company,
    other_company: Company,
) -> None:
    record = posted(switched_on, procore)
    checked()
    viewer = as_user(person(company, "viewer@northgate.example", Role.VIEWER))
    page = viewer.get("/procore/completeness/", {"month": MONTH}).content.decode()
    assert "ties out" in words(page)
    assert "Viewers can look at invoices but not change them" in page
    assert viewer.post("/procore/completeness/check/", {"month": MONTH}).status_code == 403
    stranger = as_user(person(other_company, "stranger@other.example", Role.ADMIN))
    page = stranger.get("/procore/completeness/", {"month": MONTH}).content.decode()
    assert record["invoice_number"] not in page
    assert "was not checked yet" in words(page)
    assert stranger.get("/procore/completeness/csv/", {"month": MONTH}).status_code == 404
