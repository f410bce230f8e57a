"""Review: what did not come by itself is counted, listed, chosen and imported exactly once, through the pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounting.models import Integration
from companies.models import AuditEvent, Company, User
from procore_sync import mirroring
from procore_sync.models import Backfill, MirroringPeriod, ProcoreIntegration, ProcoreInvoice
from procore_sync.tasks import sweep_due
from tests.support import work
from tests.support.emulated import COMPANY_ID, REALM, IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db

REVIEW = "/settings/procore/review/"
SETTINGS = "/settings/procore/"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def counted(integration: ProcoreIntegration) -> None:
    """Compare everything, as at night or after *Count again*."""
    integration.compare_soon()
    for _ in range(2):
        sweep_due(company_id=integration.company_id)
    work.drain(integration.company)


def shown(client: Any, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def earlier(procore: ProcoreEmulator, integration: ProcoreIntegration) -> list[Mapping[str, Any]]:
    """What Procore's own ledger holds approved and not made by inBuild."""
    rows = procore.invoices(company_id=COMPANY_ID, status="approved,approved_as_noted")
    costs = procore.direct_costs(company_id=COMPANY_ID, status="approved", type="invoice")
    return [
        *(row for row in rows if row["created_by"] != integration.own_user_id),
        *({**row, "current_payment_due": row["grand_total"]} for row in costs),
    ]


def total(records: Iterable[Mapping[str, Any]]) -> str:
    return f"{sum((Decimal(row['current_payment_due']) for row in records), Decimal(0)):,.2f}"


def row_of(record: Mapping[str, Any]) -> ProcoreInvoice:
    return ProcoreInvoice.objects.get(kind="subcontractor_invoice", procore_id=int(record["id"]))


def heard_of(integration: ProcoreIntegration, record: Mapping[str, Any]) -> ProcoreInvoice:
    ProcoreInvoice.hint(
        integration, kind="subcontractor_invoice", procore_id=int(record["id"]), project_id=int(record["project_id"])
    )
    work.drain(integration.company)
    return row_of(record)


def approved(procore: ProcoreEmulator, **facts: Any) -> Mapping[str, Any]:
    record = procore.create(status="under_review", **facts)
    procore.approve(record["id"])
    return record


def invented(integration: ProcoreIntegration, count: int, **facts: Any) -> list[ProcoreInvoice]:
    """Rows as a compare leaves them, without asking Procore for each."""
    given = {
        "status": "approved",
        "gate": "mirroring",
        "reason": "It was approved before the switch was turned on.",
        "decision": "skipped",
        "vendor_name": "Delta Steel",
        "amount_due": Decimal("10.50"),
        "currency": "USD",
        "source_updated_at": timezone.now() - timedelta(days=60),
    } | facts
    today = timezone.now().date()
    rows = [
        ProcoreInvoice(
            company=integration.company,
            integration=integration,
            kind="subcontractor_invoice",
            procore_id=10**12 + place,
            project_id=1,
            number=f"OLD-{place:04}",
            billing_date=today - timedelta(days=place // 7),
            **given,
        )
        for place in range(count)
    ]
    return ProcoreInvoice.objects.bulk_create(rows)


@pytest.fixture
def on(procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    return procore_integration


def test_the_preview_counts_what_procore_itself_holds(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
    as_user: Any,
) -> None:
    ready = shown(as_user(admin), SETTINGS)
    assert "Counting: 0 of 6 projects read." in ready
    assert 'hx-trigger="every 3s"' in ready
    counted(procore_integration)
    there = earlier(procore, procore_integration)
    assert len(there) > 5
    page = shown(as_user(admin), SETTINGS)
    assert f"{len(there):,} earlier approved invoices (${total(there)}) will <strong>not</strong> come" in page
    assert page.index("will <strong>not</strong> come") < page.index('role="switch"')
    assert "Counted <time" in page
    assert 'hx-trigger="every 3s"' not in page
    names = {row["vendor_name"] for row in there}
    books = {row["display_name"].casefold() for row in intuit.get("ledger", realm=REALM)["vendors"] if row["active"]}
    unknown = [name for name in names if name.casefold() not in books]
    assert 0 < len(unknown) < len(names)
    assert f"{len(unknown)} of {len(names)} vendors of approved invoices are not known in QuickBooks yet." in page
    assert "From now on" in page


def test_the_preview_names_a_project_that_cannot_be_read(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    admin: User,
    as_user: Any,
) -> None:
    project = procore_integration.projects.order_by("id")[0]
    procore.fault("403", path="/requisitions", query=f"project_id={project.procore_id}")
    counted(procore_integration)
    page = shown(as_user(admin), SETTINGS)
    assert f"inBuild cannot read project <strong>{project}</strong>:" in page
    assert 'hx-trigger="every 3s"' not in page


def test_unknown_vendors_are_counted_once_the_list_is_known(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    from accounting import lists, mapping
    from accounting.books import Entry
    from accounting.models import ListEntry
    from invoices.models import Vendor

    for place, name in enumerate(["Known Ltd", "Mapped Inc", "New Co", "Newer Co"]):
        ProcoreInvoice.objects.create(
            company=procore_integration.company,
            integration=procore_integration,
            kind="subcontractor_invoice",
            procore_id=place,
            project_id=1,
            status="approved",
            gate="mirroring",
            vendor_name=name,
        )
    mapped = Vendor.objects.create(company=procore_integration.company, name="Mapped Inc")
    mapping.map_vendor(quickbooks, mapped, external_id="77", name="Another name there")
    # While the vendors of the books were never read, nothing is claimed about them.
    ListEntry.objects.filter(kind=ListEntry.Kind.VENDOR, mappings=None).delete()
    assert "not known in QuickBooks" not in shown(as_user(admin), SETTINGS)
    lists.store(
        quickbooks,
        ListEntry.Kind.VENDOR,
        [Entry("1", "Known Ltd"), Entry("2", "new co"), Entry("77", "Another name there")],
    )
    # QuickBooks knows a vendor whatever the case of its name.
    assert "1 of 4 vendors of approved invoices is not known in QuickBooks yet." in shown(as_user(admin), SETTINGS)


def test_a_filtered_selection_arrives_exactly_once(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
    as_user: Any,
) -> None:
    """The switch never was on, and stays off."""
    counted(procore_integration)
    there = [row for row in earlier(procore, procore_integration) if Decimal(row["current_payment_due"]) > 0]
    vendor = there[0]["vendor_name"]
    wanted = [row for row in there if row["vendor_name"] == vendor]
    client = as_user(admin)
    page = shown(client, f"{REVIEW}?q={vendor}")
    assert f"All that match, on every page too: {len(wanted)} invoice" in page
    assert total(wanted) in page
    choice = {"q": vendor, "all": "1", "shown": str(len(wanted))}
    for _ in range(2):  # a double click, or another tab
        assert client.post(f"{REVIEW}import/", choice).status_code == 302
        work.drain(procore_integration.company)
    assert f"{len(wanted)} chosen invoice" in shown(client, REVIEW)
    assert sorted(bill["doc_number"] for bill in intuit.bills()) == sorted(row["invoice_number"] for row in wanted)
    assert sum(Decimal(bill["total"]) for bill in intuit.bills()) == Decimal(total(wanted).replace(",", ""))
    assert Backfill.objects.count() == 1
    [event] = AuditEvent.objects.filter(verb="backfill.chosen")
    assert event.user == admin
    assert total(wanted) in event.sentence
    assert {row_of(row).backfill_id for row in wanted} == {Backfill.objects.get().pk}
    progress = shown(client, f"{REVIEW}imports/")
    assert f"{len(wanted)} of {len(wanted)}</strong> imported" in progress
    assert "hx-get" not in progress
    # What was not chosen has not come, and the next night does not change that.
    counted(procore_integration)
    assert len(intuit.bills()) == len(wanted)


def test_progress_shows_what_waits_and_why_something_could_not_come(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    admin: User,
    as_user: Any,
) -> None:
    counted(procore_integration)
    good, gone = earlier(procore, procore_integration)[:2]
    client = as_user(admin)
    procore.set_status(gone["id"], "under_review", emit=False)
    client.post(f"{REVIEW}import/", {"row": [row_of(good).pk, row_of(gone).pk], "shown": "2"})
    page = shown(client, f"{REVIEW}imports/")
    assert "0 of 2</strong> imported, 2 waiting" in page
    assert "every 2s" in page
    work.drain(procore_integration.company)
    page = shown(client, REVIEW)
    assert "1 of 2</strong> imported, 1 could not be imported" in page
    assert "It is Under Review in Procore and comes once it is approved." in page
    assert "every 2s" not in page


def test_approved_while_on_and_not_arrived_at_off_is_listed_and_chosen_already(
    on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, admin: User, as_user: Any
) -> None:
    record = approved(procore)
    mirroring.set_to(on, False, user=admin)
    row = heard_of(on, record)
    assert row.gate == "switch"
    client = as_user(admin)
    words = "1 invoice approved while the switch was on had not arrived when it was turned off."
    assert words in shown(client, SETTINGS)
    assert words in shown(client, "/invoices/")
    page = shown(client, f"{REVIEW}?why=not_arrived")
    assert checked(page) == {row.pk}
    assert f'Chosen: <strong class="number">1 invoice (${total([procore.invoices(id=record["id"])[0]])})' in page
    client.post(f"{REVIEW}import/", {"row": [row.pk], "shown": "1", "why": "not_arrived"})
    work.drain(on.company)
    assert len(intuit.bills()) == 1
    assert words not in shown(client, SETTINGS)
    assert not mirroring.is_on(on)


def test_approved_while_quickbooks_was_disconnected_is_offered_and_waits_for_it(
    on: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
    as_user: Any,
) -> None:
    Integration.objects.update(state="disconnected")
    record = approved(procore)
    row = heard_of(on, record)
    client = as_user(admin)
    assert "1 invoice approved while QuickBooks was disconnected did not come." in shown(client, "/invoices/")
    page = shown(client, REVIEW)
    assert "Connect QuickBooks first" in page
    assert checked(page) == {row.pk}
    answer = client.post(f"{REVIEW}import/", {"row": [row.pk], "shown": "1"})
    assert answer.status_code == 409
    assert "Connect QuickBooks first" in answer.content.decode()
    assert not Backfill.objects.exists()
    Integration.objects.update(state="connected")
    client.post(f"{REVIEW}import/", {"row": [row.pk], "shown": "1"})
    work.drain(on.company)
    assert len(intuit.bills()) == 1


def checked(page: str) -> set[int]:
    boxes = re.findall(r'<input class="form-check-input" type="checkbox" name="row" value="(\d+)"([^>]*)>', page)
    return {int(pk) for pk, rest in boxes if " checked" in rest}


def test_echoes_and_drafts_and_other_statuses_are_not_offered(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    admin: User,
    as_user: Any,
) -> None:
    own = approved(procore)
    draft = procore.create(status="draft")
    creator = procore.invoices(id=own["id"])[0]["created_by"]
    ProcoreIntegration.objects.update(own_user_id=creator)
    procore_integration.refresh_from_db()
    counted(procore_integration)
    offered = {row.procore_id for row in ProcoreInvoice.objects.filter(pk__in=listed(as_user(admin)))}
    assert offered == {int(row["id"]) for row in earlier(procore, procore_integration)}
    assert not offered & {int(own["id"]), int(draft["id"])}


def listed(client: Any, query: str = "") -> set[int]:
    """Every row of every page."""
    found: set[int] = set()
    address: str | None = f"{REVIEW}?{query}"
    while address:
        page = client.get(address).content.decode()
        here = [int(pk) for pk in re.findall(r'name="row"\s+value="(\d+)"', page)]
        assert not found & set(here)
        found |= set(here)
        on = re.search(r'href="([^"]*after=[^"]*)"', page)
        address = on.group(1).replace("&amp;", "&") if on else None
    return found


def test_reasons_and_filters(
    procore_integration: ProcoreIntegration, quickbooks: Integration, company: Company, admin: User, as_user: Any
) -> None:
    now = timezone.now()
    periods = [
        MirroringPeriod.objects.create(
            company=company,
            integration=procore_integration,
            started_at=now - timedelta(days=start),
            started_by=admin,
            ended_at=now - timedelta(days=end) if end else None,
            ended_by=admin if end else None,
        )
        for start, end in ((40, 30), (20, 10))
    ]
    invented(procore_integration, 8)
    facts: list[dict[str, Any]] = [
        {"source_updated_at": now - timedelta(days=60)},
        {"approved_at": now - timedelta(days=50)},
        {"approved_at": now - timedelta(days=25), "vendor_name": "Elm Concrete", "currency": "CAD"},
        {
            "approved_at": now - timedelta(days=5),
            "project_id": procore_integration.projects.order_by("id")[0].procore_id,
        },
        {"source_updated_at": now - timedelta(days=15)},
        {"approved_at": now - timedelta(days=15), "gate": "switch"},
        {"approved_at": now - timedelta(days=15), "gate": "quickbooks"},
        {"dismissed": True},
    ]
    rows = list(ProcoreInvoice.objects.order_by("procore_id"))
    for row, changes in zip(rows, facts, strict=True):
        row.remember(**changes)
    client = as_user(admin)

    def numbers(query: str) -> list[int]:
        return sorted(ProcoreInvoice.objects.get(pk=pk).procore_id - 10**12 for pk in listed(client, query))

    assert numbers("") == [0, 1, 2, 3, 4, 5, 6]
    assert numbers("why=before") == [0, 1]
    assert numbers("why=off") == [2, 3]
    assert numbers("why=unknown") == [4]
    assert numbers("why=not_arrived") == [5]
    assert numbers("why=disconnected") == [6]
    assert numbers("why=dismissed") == [7]
    assert numbers(f"why=off&off={periods[0].pk}") == [2]
    assert numbers(f"why=off&off={periods[1].pk}") == [3]
    assert numbers("q=elm") == [2]
    assert numbers("q=OLD-0003") == [3]
    assert numbers(f"project={facts[3]['project_id']}") == [3]
    day = (now - timedelta(days=26)).date()
    assert numbers(f"why=off&until={day + timedelta(days=3)}&since={day - timedelta(days=2)}") == [2]
    # Seven, one of them in another currency.
    assert "7 invoices (CAD 10.50 and $63.00)" in shown(client, REVIEW)
    for wrong in (f"project={10**15}", "why=nonsense", "off=999999", "project=x"):
        assert client.get(f"{REVIEW}?{wrong}").status_code == 404
    assert numbers("since=nonsense&after=%00&row=x&shown=x") == [0, 1, 2, 3, 4, 5, 6]


def test_the_history_tells_who_when_and_what_was_missed(
    on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, admin: User, as_user: Any
) -> None:
    heard_of(on, approved(procore))
    mirroring.set_to(on, False, user=admin)
    now = timezone.now()
    MirroringPeriod.objects.update(started_at=now - timedelta(hours=27), ended_at=now - timedelta(hours=2))
    then = now - timedelta(hours=3)
    ProcoreInvoice.objects.update(approved_at=then, imported_at=then)
    late = approved(procore)
    row = heard_of(on, late)
    assert (row.gate, row.approved_by != "") == ("mirroring", True)
    client = as_user(admin)
    page = shown(client, SETTINGS)
    table = page[page.index('id="history-title"') :]
    assert "1 day 1 hour" in table
    assert f"by {admin}" in table
    assert re.search(r'data-label="Imported"> 1 <', table)
    assert re.search(r'data-label="Approved while off"> 1 <span class="small">· 1 not imported', table)
    period = MirroringPeriod.objects.get()
    assert listed(client, f"why=off&off={period.pk}") == {row.pk}
    mirroring.set_to(on, True, user=admin)
    assert listed(client, f"why=off&off={period.pk}") == {row.pk}
    assert "Still on" in shown(client, SETTINGS)


def test_the_history_folds_after_ten(on: ProcoreIntegration, company: Company, admin: User, as_user: Any) -> None:
    before = query_count(as_user(admin), SETTINGS)
    for days in range(1, 13):
        at = timezone.now() - timedelta(days=days)
        MirroringPeriod.objects.create(
            company=company,
            integration=on,
            started_by=admin,
            started_at=at,
            ended_at=at + timedelta(hours=1),
            ended_by=admin,
        )
    page = shown(as_user(admin), SETTINGS)
    assert "Show 3 earlier" in page
    assert page.count("On for</th>") == 2
    assert query_count(as_user(admin), SETTINGS) == before


def query_count(client: Any, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_five_thousand_rows_cost_as_many_queries_as_five(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    client = as_user(admin)
    invented(procore_integration, 5)
    few = {
        address: query_count(client, address) for address in (REVIEW, SETTINGS, "/invoices/", f"{REVIEW}?why=before")
    }
    ProcoreInvoice.objects.all().delete()
    invented(procore_integration, 5000)
    assert {address: query_count(client, address) for address in few} == few
    assert few[REVIEW] <= 19
    began = timezone.now()
    page = shown(client, REVIEW)
    assert timezone.now() - began < timedelta(seconds=2)
    assert "All that match, on every page too: 5,000 invoices ($52,500.00)" in page
    assert len(re.findall(r'name="row"', page)) == 50
    assert "Next page" in page


def test_all_that_match_reaches_beyond_the_page_and_never_more_than_was_shown(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    invented(procore_integration, 120)
    ProcoreInvoice.objects.filter(number__gt="OLD-0109").update(vendor_name="Elm Concrete")
    client = as_user(admin)
    assert len(listed(client, "q=delta")) == 110
    total_of = client.get(f"{REVIEW}selection/?q=delta&all=1&shown=110").content.decode()
    assert "110 invoices ($1,155.00)" in total_of
    answer = client.post(f"{REVIEW}import/", {"q": "delta", "all": "1", "shown": "109"})
    assert answer.status_code == 409
    assert "More invoices match now" in answer.content.decode()
    assert not ProcoreInvoice.objects.exclude(backfill=None).exists()
    client.post(f"{REVIEW}import/", {"q": "delta", "all": "1", "shown": "110"})
    chosen = ProcoreInvoice.objects.exclude(backfill=None)
    assert (chosen.count(), set(chosen.values_list("vendor_name", flat=True))) == (110, {"Delta Steel"})
    assert set(chosen.values_list("wanted", "priority")) == {(1, ProcoreInvoice.Priority.LATER)}
    assert chosen.filter(next_at=None).count() == 0
    assert len(listed(client)) == 10


def test_two_tabs_choose_each_invoice_once(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    rows = invented(procore_integration, 3)
    client = as_user(admin)
    client.post(f"{REVIEW}import/", {"row": [rows[0].pk, rows[1].pk], "shown": "3"})
    client.post(f"{REVIEW}import/", {"row": [rows[1].pk, rows[2].pk], "shown": "3"})
    page = shown(client, REVIEW)
    assert "1 chosen invoice was left alone" in page
    sizes = [backfill.chosen.count() for backfill in Backfill.objects.order_by("pk")]
    assert sizes == [2, 1]
    assert set(ProcoreInvoice.objects.values_list("wanted", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_the_same_moment(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    rows = invented(procore_integration, 40)
    clients = [as_user(admin) for _ in range(4)]

    def press(client: Client) -> int:
        try:
            return client.post(f"{REVIEW}import/", {"row": [row.pk for row in rows], "shown": "40"}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(press, clients)) == {302}
    assert set(ProcoreInvoice.objects.values_list("wanted", flat=True)) == {1}
    assert Backfill.objects.count() == 1
    assert AuditEvent.objects.filter(verb="backfill.chosen").count() == 1


def test_nothing_chosen_and_nothing_there(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    client = as_user(admin)
    assert "Nothing to review" in shown(client, REVIEW)
    for choice in ({}, {"all": "1", "shown": "0"}, {"shown": "7"}):
        assert client.post(f"{REVIEW}import/", choice).status_code == 302
        assert "Choose at least one invoice first." in shown(client, REVIEW)
    assert not Backfill.objects.exists()
    assert "Nothing chosen yet" in shown(client, f"{REVIEW}selection/")
    assert "Nothing matches" in shown(client, f"{REVIEW}?q=zzz")


@pytest.mark.parametrize("role", ["accountant", "viewer"])
def test_others_see_it_greyed_out_and_are_refused(
    role: str,
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    as_user: Any,
    request: pytest.FixtureRequest,
) -> None:
    [row] = invented(procore_integration, 1)
    client = as_user(request.getfixturevalue(role))
    page = shown(client, REVIEW)
    assert "OLD-0000" in page
    assert "Only company admins can change this setting." in page
    assert re.search(r'<button type="submit" class="btn btn-primary" disabled[^>]*>Import chosen', page)
    for address in ("review/import/", "review/dismiss/", "review/count/", "approved-as-noted/"):
        assert client.post(SETTINGS + address, {"row": row.pk, "shown": "1", "counts": "off"}).status_code == 403
    row.refresh_from_db()
    assert (row.backfill, row.dismissed) == (None, False)
    assert not AuditEvent.objects.filter(verb__startswith="backfill").exists()
    assert ProcoreIntegration.objects.get(pk=procore_integration.pk).approved_as_noted_counts


def test_rows_of_another_company_are_not_found(
    procore_integration: ProcoreIntegration, quickbooks: Integration, other_company: Company, admin: User, as_user: Any
) -> None:
    [mine] = invented(procore_integration, 1)
    theirs = ProcoreIntegration.objects.create(
        company=other_company, environment="production", procore_company_id=5, client_id="x", client_secret="y"
    )
    foreign = ProcoreInvoice.objects.create(
        company=other_company,
        integration=theirs,
        kind="subcontractor_invoice",
        procore_id=1,
        project_id=1,
        status="approved",
        gate="mirroring",
        number="FOREIGN",
    )
    client = as_user(admin)
    assert "FOREIGN" not in shown(client, REVIEW)
    for row in (foreign.pk, 10**9, "nonsense"):
        for step in ("import", "dismiss"):
            assert client.post(f"{REVIEW}{step}/", {"row": [mine.pk, row], "shown": "2"}).status_code == 404
    assert "Nothing chosen yet" in shown(client, f"{REVIEW}selection/?row={foreign.pk}")
    assert not ProcoreInvoice.objects.exclude(backfill=None, dismissed=False).exists()


def test_dismissed_ones_stay_away_until_they_are_put_back(
    on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, admin: User, as_user: Any
) -> None:
    record = approved(procore)
    mirroring.set_to(on, False, user=admin)
    row = heard_of(on, record)
    client = as_user(admin)
    client.post(f"{REVIEW}dismiss/", {"row": [row.pk], "shown": "1"})
    assert listed(client) == set()
    assert listed(client, "why=dismissed") == {row.pk}
    assert "had not arrived" not in shown(client, "/invoices/")
    # Not even when everything else would let it in.
    mirroring.set_to(on, True, user=admin)
    assert heard_of(on, record).reason == "A person dismissed it under Review."
    assert intuit.bills() == []
    client.post(f"{REVIEW}dismiss/", {"row": [row.pk], "shown": "1", "again": "1", "why": "dismissed"})
    work.drain(on.company)
    assert len(intuit.bills()) == 1
    verbs = AuditEvent.objects.filter(verb__startswith="review.").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["review.dismissed", "review.put_back"]


def test_a_dismissed_one_may_still_be_imported(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
    as_user: Any,
) -> None:
    counted(procore_integration)
    record = earlier(procore, procore_integration)[0]
    pk = row_of(record).pk
    client = as_user(admin)
    client.post(f"{REVIEW}dismiss/", {"row": [pk], "shown": "1"})
    client.post(f"{REVIEW}import/", {"row": [pk], "shown": "1", "why": "dismissed"})
    work.drain(procore_integration.company)
    assert [bill["doc_number"] for bill in intuit.bills()] == [record["invoice_number"]]


@pytest.mark.parametrize("htmx", [True, False])
def test_approved_as_noted_is_a_setting_with_two_sides(
    htmx: bool,
    on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
    as_user: Any,
) -> None:
    client, headers = as_user(admin), {"HX-Request": "true"} if htmx else {}

    def set_to(value: str) -> str:
        answer = client.post(f"{SETTINGS}approved-as-noted/", {"counts": value}, headers=headers)
        assert answer.status_code == (200 if htmx else 302)
        return shown(client, SETTINGS)

    for _ in range(2):  # set, not flipped
        page = set_to("off")
    assert re.search(r'id="noted" role="switch" aria-checked="false"', page)
    assert "(Approved)" in page
    record = procore.create(status="under_review")
    procore.set_status(record["id"], "approved_as_noted")
    row = heard_of(on, record)
    assert (row.gate, row.reason) == ("status", "It is Approved as Noted, and your company takes only Approved.")
    assert intuit.bills() == []
    assert "(Approved or Approved as Noted)" in set_to("on")
    work.drain(on.company)
    assert len(intuit.bills()) == 1
    verbs = AuditEvent.objects.filter(verb__startswith="approved_as_noted").order_by("id")
    assert [(event.verb, event.user) for event in verbs] == [
        ("approved_as_noted.off", admin),
        ("approved_as_noted.on", admin),
    ]


def test_what_does_not_count_as_approved_is_not_offered(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    [row] = invented(procore_integration, 1, status="approved_as_noted")
    client = as_user(admin)
    assert listed(client) == {row.pk}
    client.post(f"{SETTINGS}approved-as-noted/", {"counts": "off"})
    assert listed(client) == set()


def test_settings_list_only_what_needs_attention(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    invented(procore_integration, 30)
    for place, (gate, reason) in enumerate(
        [("found", "Procore's record could not be read."), ("switch", "It was off."), ("kind", "It is an expense.")]
    ):
        row = ProcoreInvoice.hint(procore_integration, kind="direct_cost", procore_id=place, project_id=1)
        row.remember(gate=gate, reason=reason, status="approved", number=f"N {place}/x")
    page = shown(as_user(admin), SETTINGS)
    table = page[page.index('id="not-imported"') :]
    assert "OLD-" not in table
    assert "Procore&#x27;s record could not be read." in table
    assert "It was off." in table
    assert "It is an expense." not in table
    assert "/procore/why/?kind=direct_cost&amp;project=1&amp;id=0" in table
    assert "The latest 2" in table


def test_count_again_asks_procore_anew(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    admin: User,
    as_user: Any,
) -> None:
    counted(procore_integration)
    before = len(earlier(procore, procore_integration))
    approved(procore)
    client = as_user(admin)
    assert client.post(f"{REVIEW}count/").status_code == 302
    part = client.post(f"{REVIEW}count/", headers={"HX-Request": "true"}).content.decode()
    assert "every 3s" in part
    assert "<html" not in part
    for _ in range(2):
        sweep_due(company_id=procore_integration.company_id)
    work.drain(procore_integration.company)
    part = re.sub(r"\s+", " ", client.get(f"{REVIEW}preview/").content.decode())
    assert f"{before + 1} earlier approved invoices" in part
    assert "every 3s" not in part


def test_without_procore_there_is_nothing_to_review(quickbooks: Integration, admin: User, as_user: Any) -> None:
    assert as_user(admin).get(REVIEW).status_code == 404
    assert as_user(admin).post(f"{REVIEW}import/", {"all": "1", "shown": "9"}).status_code == 404
