"""One deed on many invoices: asked first, done once for each, and seen to its end."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounting import bulk, filtering, posting, setting_aside
from accounting.filtering import Filter
from accounting.models import Bill, BulkItem, BulkRun, Integration
from accounting.tasks import bulk_due, post_due
from companies.models import AuditEvent, Company, User
from inbuild import queue
from invoices.models import Invoice
from tests.invoices.test_list_filter import given, put
from tests.support import work
from tests.support.emulated import IntuitEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def ask(client: Any, deed: str, *numbers: str, **more: Any) -> Any:
    rows = [str(invoice.public_id) for invoice in Invoice.objects.filter(number__in=numbers)]
    return client.post("/invoices/bulk/", {"deed": deed, "row": rows} | more)


def press(client: Any, page: Any) -> Any:
    """The button of the page that asks, with all its hidden fields."""
    shown = page.content.decode()
    shown = shown[shown.index('action="/invoices/bulk/begin/"') :]
    fields: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", shown[: shown.index("</form>")]):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        assert name
        fields.setdefault(name[1], []).append(value[1].replace("&amp;", "&") if value else "")
    return client.post("/invoices/bulk/begin/", fields)


def drain(company: Company) -> None:
    for _ in range(50):
        bulk_due(company_id=company.pk)
        if not queue.due(BulkItem, company.pk).exists():
            return


def states() -> dict[str, str]:
    return dict(Bill.objects.values_list("invoice__number", "state").order_by("invoice__number"))


def mixed(company: Company) -> None:
    """One of each that matters."""
    books = Integration.objects.create(company=company, kind="qbo", external_id="9", state="connected")
    for number, state, problem in (
        ("READY", "ready", ""),
        ("UNMAPPED", "needs_mapping", "unmapped"),
        ("FAILED", "failed", "refused"),
        ("DOUBLE", "on_hold", "possible_duplicate"),
        ("HELD", "on_hold", "held"),
        ("SENDING", "sending", ""),
        ("CHECKING", "checking", "no_answer"),
        ("SYNCED", "synced", ""),
        ("SKIPPED", "skipped", ""),
        ("UNLINKED", "skipped", "unlinked_own"),
    ):
        put(posting.release(given(company, number)), state, problem, integration=books)
    Invoice.objects.filter(pk=given(company, "DRAFT").pk).update(state="submitted")


@pytest.mark.parametrize(
    ("deed", "can"),
    [
        ("resync", {"READY", "UNMAPPED", "FAILED", "CHECKING", "SYNCED"}),
        ("skip", {"READY", "UNMAPPED", "FAILED", "DOUBLE", "HELD"}),
        ("hold", {"READY", "UNMAPPED", "FAILED"}),
        ("release", {"HELD", "SKIPPED"}),
    ],
)
def test_the_page_says_how_many_can_and_why_others_cannot_and_changes_nothing(
    deed: str, can: set[str], company: Company, accountant: User, as_user: Any
) -> None:
    mixed(company)
    before = states()
    rows = filtering.matching(company, Filter())
    assert {invoice.number for invoice in bulk.sorted_out(rows, deed) if not invoice.why} == can
    page = as_user(accountant).post("/invoices/bulk/", {"deed": deed, "all": "1"})
    shown = " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())
    assert f"{len(can)} of 11 can." in shown
    answer = page.context["answer"]
    assert sum(many for _, many in answer.cannot) == 11 - len(can)
    for reason, many in answer.cannot:
        assert f"{many} : {reason}." in shown
    assert states() == before
    assert not BulkRun.objects.exists()


def test_skip_is_done_once_for_each_and_audited(company: Company, accountant: User, as_user: Any) -> None:
    mixed(company)
    client = as_user(accountant)
    page = ask(client, "skip", "READY", "FAILED", "SYNCED")
    first = press(client, page)
    again = press(client, page)
    assert first["Location"] == again["Location"]
    [run] = BulkRun.objects.all()
    assert (run.total, run.ended_at) == (3, None)
    listed = client.get("/invoices/").content.decode()
    assert "Skip of 3 invoices is under way." in listed
    drain(company)
    drain(company)
    after = states()
    assert (after["READY"], after["FAILED"], after["SYNCED"]) == ("skipped", "skipped", "synced")
    told = client.get(first["Location"]).content.decode()
    assert "In QuickBooks already" in told
    assert "every 2s" not in told
    assert "under way" not in client.get("/invoices/").content.decode()
    run.refresh_from_db()
    assert run.ended_at is not None
    skipped = AuditEvent.objects.filter(verb="bill.skipped")
    assert skipped.count() == 2
    assert {event.user for event in skipped} == {accountant}
    assert AuditEvent.objects.filter(verb="bulk.skip", user=accountant).count() == 1


def test_what_was_held_waits_whatever_is_mended_until_it_is_released(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    for number in ("H-1", "H-2"):
        posting.release(given(company, number))
    client = as_user(accountant)
    press(client, ask(client, "hold", "H-1", "H-2"))
    drain(company)
    post_due(company_id=company.pk)
    posting.source_changed(Invoice.objects.get(number="H-1"))
    post_due(company_id=company.pk)
    assert states() == {"H-1": "on_hold", "H-2": "on_hold"}
    assert intuit.bills() == []
    assert "put this invoice on hold" in client.get(f"/invoices/{Invoice.objects.all()[0].public_id}/").content.decode()
    press(client, ask(client, "release", "H-1", "H-2"))
    drain(company)
    post_due(company_id=company.pk)
    assert states() == {"H-1": "synced", "H-2": "synced"}
    assert len(intuit.bills()) == 2


def test_resync_tries_what_is_stopped_and_updates_what_differs_in_quickbooks(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    for number in ("OK", "OTHER", "STOPPED"):
        posting.release(given(company, number))
    Bill.objects.filter(invoice__number="STOPPED").update(state="failed", problem="refused", next_at=None)
    work.drain(company)
    Invoice.objects.filter(number="OTHER").update(number="OTHER-2", number_key="other2")
    client = as_user(accountant)
    address = press(client, ask(client, "resync", "OK", "OTHER-2", "STOPPED"))["Location"]
    drain(company)
    told = client.get(address).content.decode()
    assert "QuickBooks has it as inBuild would send it" in told
    assert "Updated in QuickBooks" in told
    for _ in range(3):
        post_due(company_id=company.pk)
    assert sorted(bill["doc_number"] for bill in intuit.bills()) == ["OK", "OTHER-2", "STOPPED"]


def test_a_worker_that_dies_after_taking_one_costs_nothing(
    company: Company, accountant: User, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    posting.release(given(company, "N-1"))
    client = as_user(accountant)
    press(client, ask(client, "skip", "N-1"))
    [dead] = queue.take_due(BulkItem, company.pk, lease=queue.backoff(0))
    BulkItem.objects.update(lease_until="2026-01-01T00:00Z")
    drain(company)
    assert states() == {"N-1": "skipped"}
    # The dead one comes back: what it does is taken back, for the item went on in other hands.
    Bill.objects.update(state="ready")
    with pytest.raises(Exception, match="elsewhere"):
        bulk.work(dead)
    assert states() == {"N-1": "ready"}


def test_one_that_went_on_meanwhile_is_refused_with_the_reason_and_the_others_go(
    company: Company, accountant: User, as_user: Any
) -> None:
    for number in ("A", "B"):
        posting.release(given(company, number))
    client = as_user(accountant)
    address = press(client, ask(client, "skip", "A", "B"))["Location"]
    put(Bill.objects.get(invoice__number="A"), "synced")
    drain(company)
    assert states() == {"A": "synced", "B": "skipped"}
    assert bulk.GONE_ON in client.get(address).content.decode()


def test_a_bug_of_ours_stops_one_and_not_the_run(
    company: Company, accountant: User, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in ("A", "B"):
        posting.release(given(company, number))
    client = as_user(accountant)
    address = press(client, ask(client, "skip", "A", "B"))["Location"]
    real = setting_aside.skip

    def broken(bill: Bill, *, user: User) -> None:
        if bill.invoice.number == "A":
            raise KeyError("a bug")
        real(bill, user=user)

    monkeypatch.setattr(setting_aside, "skip", broken)
    drain(company)
    assert states() == {"A": "ready", "B": "skipped"}
    assert "Something went wrong on our side" in client.get(address).content.decode()


def test_all_that_match_are_those_of_the_filter_there_were(company: Company, accountant: User, as_user: Any) -> None:
    for number in ("A-1", "A-2", "B-1"):
        posting.release(given(company, number, vendor="Omega" if number == "B-1" else "Delta"))
    client = as_user(accountant)
    page = client.post("/invoices/bulk/", {"deed": "skip", "all": "1", "filter": "vendor=Delta&tab=ready"})
    posting.release(given(company, "A-3", vendor="Delta"))
    press(client, page)
    drain(company)
    assert states() == {"A-1": "skipped", "A-2": "skipped", "A-3": "ready", "B-1": "ready"}


@pytest.mark.parametrize("filter_", ["from=yesterday", "project=999999", "q=%00", "tab=x", "least=NaN"])
def test_a_filter_that_cannot_be_read_takes_none(
    filter_: str, company: Company, accountant: User, as_user: Any
) -> None:
    posting.release(given(company, "A-1"))
    client = as_user(accountant)
    asked = {"deed": "skip", "all": "1", "filter": filter_, "token": "6f0c7c0e-7d0e-4f6c-9d3e-0e8b5b6f3a11"}
    assert client.post("/invoices/bulk/", asked).status_code == 302
    assert client.post("/invoices/bulk/begin/", asked).status_code == 302
    drain(company)
    assert states() == {"A-1": "ready"}


def test_too_many_at_once_are_refused(
    company: Company, accountant: User, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtering, "COUNT_CAP", 2)
    monkeypatch.setattr("accounting.bulk.COUNT_CAP", 2)
    for number in ("A", "B", "C"):
        posting.release(given(company, number))
    client = as_user(accountant)
    page = client.post("/invoices/bulk/", {"deed": "skip", "all": "1"})
    assert "Narrow the filters" in page.content.decode()
    press(client, page)
    assert not BulkRun.objects.exists()


def test_others_companies_invoices_and_runs_are_nowhere(
    company: Company, other_company: Company, accountant: User, outsider: User, as_user: Any
) -> None:
    posting.release(given(company, "MINE"))
    posting.release(given(other_company, "THEIRS"))
    client = as_user(accountant)
    address = press(client, ask(client, "skip", "MINE", "THEIRS"))["Location"]
    drain(company)
    drain(other_company)
    assert states() == {"MINE": "skipped", "THEIRS": "ready"}
    assert as_user(outsider).get(address).status_code == 404


def test_a_viewer_may_ask_for_nothing(company: Company, viewer: User, as_user: Any) -> None:
    posting.release(given(company, "A"))
    client = as_user(viewer)
    assert ask(client, "skip", "A").status_code == 403
    assert client.post("/invoices/bulk/begin/", {"deed": "skip"}).status_code == 403
    assert "disabled" in client.get("/invoices/").content.decode()


@pytest.mark.parametrize("given_", [{}, {"deed": "delete"}, {"deed": "skip", "row": ["x", "\x00"]}, {"deed": "skip"}])
def test_nonsense_is_no_error_of_ours(given_: dict[str, Any], company: Company, accountant: User, as_user: Any) -> None:
    for address in ("/invoices/bulk/", "/invoices/bulk/begin/"):
        assert as_user(accountant).post(address, given_).status_code in (302, 404)


def test_asking_takes_as_many_queries_for_many_as_for_few(company: Company, accountant: User, as_user: Any) -> None:
    client, asked = as_user(accountant), set()
    for at in range(3):
        for each in range(at * 5 + 1):
            posting.release(given(company, f"N-{at}-{each}"))
        with CaptureQueriesContext(connection) as queries:
            client.post("/invoices/bulk/", {"deed": "skip", "all": "1"})
        asked.add(len(queries))
    assert len(asked) == 1
