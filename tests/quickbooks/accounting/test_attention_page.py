"""Needs attention: every cause once, with how many and how much; one fix moves all of its invoices and says so."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounting import attention, following, posting
from accounting.models import Bill, BillChange, Integration, ListEntry, MissingMapping
from accounting.problems import CATALOGUE
from companies.models import AuditEvent, Company, User
from invoices.models import Invoice, Vendor
from invoices.recording import NewLine
from tests.quickbooks.accounting.given import approved, post, posted
from tests.support import connected, work
from tests.support.emulated import IntuitEmulator

pytestmark = pytest.mark.django_db
PAGE = "/attention/"
EACH_BY_ITSELF = (
    "possible_duplicate",
    "duplicate_in_books",
    "unlinked",
    "unlinked_own",
    "in_quickbooks_already",
    "made_before_restore",
    "changed_before_restore",
    "bill_number_taken",
    "amounts",
    "zero",
    "negative",
    "positive_credit",
    "currency",
    "no_longer_approved",
    "changed_in_procore",
    "deleted_in_procore",
    "deleted_from_books",
)
GO_ON = f"{PAGE}go-on/"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def books(quickbooks: Integration) -> Integration:
    """Connected; vendors are not created by themselves and every cost code must be mapped."""
    Integration.objects.update(creates_vendors=False)
    quickbooks.refresh_from_db()
    return quickbooks


@pytest.fixture
def client(accountant: User, as_user: Any) -> Client:
    signed_in: Client = as_user(accountant)
    return signed_in


def stopped(company: Company, count: int, problem: str, state: str = "failed", **more: Any) -> list[Bill]:
    """Bills that stopped for one reason, as posting leaves them; each over 100.00."""
    words, detail = more.pop("name", problem), more.pop("detail", {})
    bills = []
    for number in range(count):
        invoice = approved(company, f"{words}-{number}", lines=(NewLine("x", Decimal(100)),), **more)
        posting.release(invoice)
        bills.append(Bill.objects.get(invoice=invoice))
    found = Bill.objects.filter(pk__in=[bill.pk for bill in bills])
    found.update(state=state, problem=problem, problem_detail=detail, next_at=None)
    return list(found.order_by("pk"))


def rows(page: str) -> list[str]:
    """The rows of all tables, as a person reads them."""
    bodies = re.findall(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    found = [row for body in bodies for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def row(page: str, words: str) -> str:
    found = [one for one in rows(page) if words in one]
    assert len(found) == 1, (words, rows(page))
    return found[0]


def the(company: Company, value: str) -> attention.Group:
    return next(group for group in attention.groups(company.pk) if group.value == value)


def test_each_cause_says_how_many_how_much_and_since_when(company: Company, client: Client) -> None:
    stopped(company, 3, "refused", detail={"words": "The account is full."})
    stopped(company, 2, "refused", detail={"words": "Something else."}, name="other")
    stopped(company, 2, "zero", "on_hold")
    stopped(company, 1, "negative", "on_hold", currency="CAD", detail={"amount": "-5.00"})
    stopped(company, 1, "possible_duplicate", "on_hold", detail={"number": "7", "vendor": "Apex", "amount": "1.00"})
    Bill.objects.filter(problem="zero").update(created_at=F("created_at") - timedelta(days=23))
    page = client.get(PAGE).content.decode()
    assert "9 invoices need somebody" in page
    full = row(page, "The account is full.")
    assert "3 invoices" in full
    assert "300.00 USD" in full
    assert "today" in full
    assert "Try all 3 again" in full
    assert "200.00 USD" in row(page, "Something else.")
    assert "23 days" in row(page, "These invoices total 0.00")
    alone = row(page, "This invoice totals -5.00")
    assert "100.00 CAD" in alone
    assert "negative-0" in alone
    assert "inBuild already has invoice 7 of Apex for 1.00." in row(page, "Possible duplicate")
    titles = re.findall(r'<h2 id="(\w+)-title">', page)
    assert titles == ["hold", "duplicate", "failed"]


def test_two_currencies_are_never_added_up(company: Company, client: Client) -> None:
    stopped(company, 2, "bug", detail={"reference": "abc"})
    stopped(company, 1, "bug", name="canadian", currency="CAD")
    found = row(client.get(PAGE).content.decode(), "Something failed on our side.")
    assert "100.00 CAD" in found
    assert "200.00 USD" in found
    assert the(company, "bug").totals == (("CAD", Decimal("100.00")), ("USD", Decimal("200.00")))


def test_the_oldest_cause_stands_first(company: Company, client: Client) -> None:
    for days, problem in ((1, "bug"), (9, "user_not_allowed"), (4, "feature_off")):
        stopped(company, 2, problem, detail={"words": "x"})
        Bill.objects.filter(problem=problem).update(created_at=F("created_at") - timedelta(days=days))
    found = [one.split(" day")[0].rsplit(" ", 1)[1] for one in rows(client.get(PAGE).content.decode())]
    assert found == ["9", "4", "1"]


def test_one_try_again_moves_its_whole_group_and_says_how_many(
    company: Company, books: Integration, intuit: IntuitEmulator, client: Client, accountant: User
) -> None:
    Integration.objects.update(creates_vendors=True)
    mine = stopped(company, 5, "refused", detail={"words": "The account is full."})
    others = stopped(company, 2, "refused", detail={"words": "Something else."}, name="other")
    group = next(one for one in attention.groups(company.pk) if one.said.get("words") == "The account is full.")
    before = AuditEvent.objects.count()
    answer = client.post(GO_ON, {"cause": group.key, "deed": "retry"}, follow=True).content.decode()
    assert "5 invoices go on to QuickBooks: 500.00 USD." in answer
    assert "The account is full." not in answer
    assert "2 invoices need somebody" in answer
    told = AuditEvent.objects.order_by("id")[before:]
    assert {(event.user, event.verb, event.object_id) for event in told} == {
        (accountant, "bill.ready", str(bill.pk)) for bill in mine
    }
    post(company, 3)
    assert sorted(bill["doc_number"] for bill in intuit.bills()) == [f"refused-{number}" for number in range(5)]
    assert {bill.state for bill in Bill.objects.filter(pk__in=[one.pk for one in others])} == {"failed"}


def test_a_double_click_moves_nothing_twice(company: Company, client: Client) -> None:
    stopped(company, 3, "bug")
    told = {"cause": the(company, "bug").key, "deed": "retry"}
    client.post(GO_ON, told)
    events = AuditEvent.objects.count()
    again = client.post(GO_ON, told, follow=True).content.decode()
    assert "Nothing to do: these invoices have gone on" in again
    assert AuditEvent.objects.count() == events


def test_a_press_that_comes_late_leaves_what_has_gone_on_alone(company: Company, accountant: User) -> None:
    """Two people press at once: the second was shown the group as it was before the first."""
    stopped(company, 3, "bug")
    group = the(company, "bug")
    assert attention.go_on(company.pk, group, "retry", user=accountant) == (3, [("USD", Decimal("300.00"))])
    assert attention.go_on(company.pk, group, "retry", user=accountant) == (0, [])


def test_mapping_the_vendor_moves_all_that_waited_for_it(
    company: Company, books: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    for number in range(4):
        posted(company, approved(company, f"E-{number}"))
    posted(company, approved(company, "S-1", vendor="Delta Stone"))
    page = client.get(PAGE).content.decode()
    found = row(page, "Apex Electrical")
    assert "4 invoices" in found
    assert "4,000.00 USD" in found
    assert "No vendor of QuickBooks is chosen for this vendor yet." in found
    link = next(one for one in re.findall(r'href="(/settings/accounting/mapping/[^"]*)"', page))
    asked = parse_qs(urlsplit(link.replace("&amp;", "&")).query)
    vendor = Vendor.objects.get(name="Apex Electrical")
    assert asked["focus"] == [f"vendor:{vendor.pk}"]
    assert "Apex Electrical in QuickBooks" in client.get(link.replace("&amp;", "&")).content.decode()
    theirs = ListEntry.objects.filter(integration=books, kind="vendor", active=True).order_by("pk")[0]
    client.post("/settings/accounting/mapping/save/?tab=vendors", {f"typed-vendor:{vendor.pk}": theirs.name})
    page = client.get(PAGE).content.decode()
    assert "Apex Electrical" not in page
    assert "1 invoice needs somebody" in page
    post(company, 2)
    assert len(intuit.bills()) == 4


def test_an_invoice_that_waits_for_two_things_is_in_both_groups_and_counts_once(
    company: Company, client: Client
) -> None:
    bill = stopped(company, 1, "unmapped", "needs_mapping")[0]
    for key, name in (("vendor:1", "Apex"), ("account:7", "16-100")):
        MissingMapping.objects.create(company=company, bill=bill, key=key, name=name)
    page = client.get(PAGE).content.decode()
    assert len(rows(page)) == 2
    assert "1 invoice needs somebody" in page


def test_nothing_that_is_stopped_is_on_no_list(company: Company) -> None:
    """Whatever stops a bill, and in whatever state: it is in a group, and the group has its bills."""
    for state in ("needs_mapping", "on_hold", "failed"):
        for code in CATALOGUE:
            stopped(company, 1, code, state, name=f"{state}-{code}")
    found = attention.groups(company.pk)
    listed = {bill.pk for group in found for bill in attention.bills_of(company.pk, group)}
    assert len(listed) == attention.count(company.pk) == 3 * len(CATALOGUE)
    for group in found:
        assert group.sentence
        assert group.section in attention.SECTIONS
        assert attention.bills_of(company.pk, group).count() == group.bills


def test_the_words_of_a_group_tell_of_no_single_invoice() -> None:
    single = {"number", "amount", "date", "mismatch", "reference", "paid", "names", "by", "invoice"}
    assert {code: found for code in CATALOGUE if (found := attention.placeholders(code) & single)} == {}


@pytest.mark.parametrize("problem", EACH_BY_ITSELF)
def test_what_is_a_decision_about_each_invoice_is_never_taken_for_all(
    company: Company, client: Client, problem: str
) -> None:
    stopped(company, 2, problem, "on_hold")
    group = the(company, problem)
    page = client.get(PAGE).content.decode()
    assert "Decide about each" in page
    for deed in attention.TOGETHER:
        assert client.post(GO_ON, {"cause": group.key, "deed": deed}).status_code == 302
        assert set(Bill.objects.values_list("state", flat=True)) == {"on_hold"}


def test_the_first_open_day_is_chosen_for_all_of_a_closed_period(
    company: Company, books: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    Integration.objects.update(closing_date=date(2026, 11, 15), creates_vendors=True)
    for number in range(3):
        assert posted(company, approved(company, f"C-{number}")).problem == "period_closed"
    page = client.get(PAGE).content.decode()
    assert "Post all 3 on Nov 16, 2026" in row(page, "QuickBooks closed on Nov 15, 2026")
    told = {"cause": the(company, "period_closed").key, "deed": "post_on_open_day"}
    Integration.objects.update(closing_date=date(2026, 11, 30))
    late = client.post(GO_ON, told, follow=True).content.decode()
    assert "QuickBooks has another closing date by now." in late
    Integration.objects.update(closing_date=date(2026, 11, 15))
    answer = client.post(GO_ON, told, follow=True).content.decode()
    assert "3 invoices go on to QuickBooks: 3,000.00 USD." in answer
    post(company, 3)
    assert {bill["txn_date"] for bill in intuit.bills()} == {"2026-11-16"}


def test_a_lost_connection_is_one_cause_and_reconnecting_moves_it_and_says_how_many(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client, admin: User, as_user: Any
) -> None:
    Integration.objects.update(state="needs_reconnect")
    for number in range(3):
        assert posted(company, approved(company, f"R-{number}")).problem == "reconnect"
    page = client.get(PAGE).content.decode()
    found = row(page, "QuickBooks no longer accepts inBuild")
    assert "3 invoices" in found
    assert "3,000.00 USD" in found
    assert "Reconnect" in found
    assert "Only company admins can change this setting." in found
    signed_in = as_user(admin)
    back = connected.consent(signed_in.post("/settings/accounting/qbo/connect/")["Location"])
    answer = signed_in.get("/settings/accounting/qbo/callback/", back, follow=True).content.decode()
    assert "3 waiting invoices go on." in answer
    assert attention.count(company.pk) == 0
    post(company, 2)
    assert len(intuit.bills()) == 3


def test_bills_that_changed_after_posting_are_decided_one_by_one(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client, accountant: User
) -> None:
    bills = [posted(company, approved(company, f"P-{number}")) for number in range(4)]
    assert {bill.state for bill in bills} == {"synced"}
    assert attention.count(company.pk) == 0
    intuit.remove(bills[0].external_id)
    following.check_again(bills[0])
    Invoice.objects.filter(pk__in=[bills[1].invoice_id, bills[2].invoice_id]).update(source_state="changed")
    BillChange.objects.create(
        company=company, bill=bills[3], kind="update", by=accountant, state="refused", problem="paid_in_books"
    )
    page = client.get(PAGE).content.decode()
    assert "4 invoices need somebody" in page
    assert "P-0" in row(page, "Deleted in QuickBooks")
    assert "2,000.00 USD" in row(page, "Changed in Procore")
    assert "P-3" in row(page, "QuickBooks did not take the change")
    assert GO_ON not in page
    BillChange.objects.update(state="kept")
    Invoice.objects.update(source_state="kept")
    assert attention.count(company.pk) == 1


def test_what_goes_on_by_itself_is_nobodys_business(company: Company, client: Client) -> None:
    for problem in ("cannot_reach", "busy", "in_use", "waits_for_pc", ""):
        stopped(company, 1, problem, "ready", name=f"w{problem}")
    page = client.get(PAGE).content.decode()
    assert "Nothing needs attention" in page
    assert attention.count(company.pk) == 0


def test_a_viewer_sees_the_reason_and_is_refused_by_the_server(company: Company, viewer: User, as_user: Any) -> None:
    stopped(company, 2, "bug")
    client = as_user(viewer)
    page = client.get(PAGE).content.decode()
    assert 'disabled aria-describedby="attention-why"' in " ".join(page.split())
    assert "Viewers can look at invoices but not change them." in page
    assert client.post(GO_ON, {"cause": the(company, "bug").key, "deed": "retry"}).status_code == 403
    assert set(Bill.objects.values_list("state", flat=True)) == {"failed"}


def test_another_companys_invoices_are_neither_seen_nor_moved(
    company: Company, other_company: Company, outsider: User, as_user: Any, client: Client
) -> None:
    theirs = stopped(company, 3, "bug", vendor="Secret Vendor")
    MissingMapping.objects.create(
        company=company, bill=stopped(company, 1, "unmapped", "needs_mapping")[0], key="vendor:1", name="Secret Mapping"
    )
    synced = stopped(company, 1, "", "ready", name="done")[0]
    Bill.objects.filter(pk=synced.pk).update(
        state="synced", external_id="1", synced_at=F("created_at"), books_state="changed"
    )
    key = the(company, "bug").key
    stranger = as_user(outsider)
    page = stranger.get(PAGE).content.decode()
    assert "Nothing needs attention" in page
    assert "Secret" not in page
    assert stranger.get(f"{PAGE}?cause={key}").status_code == 302
    stranger.post(GO_ON, {"cause": key, "deed": "retry"})
    assert {bill.state for bill in Bill.objects.filter(pk__in=[one.pk for one in theirs])} == {"failed"}
    # With the same problem of its own, the same key names its own invoices alone.
    stopped(other_company, 2, "bug")
    answer = stranger.post(GO_ON, {"cause": key, "deed": "retry"}, follow=True).content.decode()
    assert "2 invoices go on" in answer
    assert {bill.state for bill in Bill.objects.filter(pk__in=[one.pk for one in theirs])} == {"failed"}


def test_five_hundred_invoices_cost_no_more_questions_than_five(company: Company, client: Client) -> None:
    def asked(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    def more(count: int, name: str) -> None:
        stopped(company, count, "bug", name=f"{name}b")
        stopped(company, count, "zero", "on_hold", name=f"{name}z")
        for bill in stopped(company, count, "unmapped", "needs_mapping", name=f"{name}u"):
            MissingMapping.objects.create(company=company, bill=bill, key=f"vendor:{bill.pk}", name=f"V {bill.pk}")
        changed = stopped(company, count, "", "ready", name=f"{name}c")
        ids = [bill.pk for bill in changed]
        Bill.objects.filter(pk__in=ids).update(
            state="synced", external_id=F("pk"), synced_at=F("created_at"), books_state="changed"
        )

    more(5, "few")
    client.get(PAGE)
    one = f"{PAGE}?cause={the(company, 'bug').key}"
    few = [asked(PAGE), asked(one), asked("/invoices/")]
    more(120, "many")
    assert [asked(PAGE), asked(one), asked("/invoices/")] == few
    assert few[0] <= 17
    page = client.get(PAGE).content.decode()
    assert "500 invoices need somebody" in page
    assert "Show all 125 causes" in page


def test_all_invoices_of_a_cause_can_be_paged_through(company: Company, client: Client) -> None:
    stopped(company, 120, "bug")
    seen: list[str] = []
    address = f"{PAGE}?cause={the(company, 'bug').key}"
    for _ in range(3):
        page = client.get(address).content.decode()
        seen += re.findall(r">(bug-\d+)<", page)
        following_page = re.search(r'href="([^"]+)">Next page', page)
        address = following_page.group(1).replace("&amp;", "&") if following_page else ""
    assert not address
    assert seen == [f"bug-{number}" for number in range(120)]


def test_all_causes_of_a_section_can_be_paged_through(company: Company, client: Client) -> None:
    for bill in stopped(company, 70, "unmapped", "needs_mapping"):
        MissingMapping.objects.create(company=company, bill=bill, key=f"vendor:{bill.pk}", name=f"Vendor-{bill.pk}.")
    assert len(rows(client.get(PAGE).content.decode())) == 20
    first = client.get(f"{PAGE}?section=mapping").content.decode()
    second = client.get(f"{PAGE}?section=mapping&from=50").content.decode()
    assert len({*rows(first), *rows(second)}) == 70
    assert client.get(f"{PAGE}?section=nonsense&from=x&cause").status_code == 302


def test_the_number_stands_in_the_navigation_of_every_page(company: Company, client: Client) -> None:
    stopped(company, 2, "bug")
    page = " ".join(re.sub(r"<[^>]+>", " ", client.get("/invoices/").content.decode()).split())
    assert "Needs attention 2" in page
