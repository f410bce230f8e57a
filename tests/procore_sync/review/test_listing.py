"""What is listed under Review, with which reasons, filters and settings, and what stays away."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounting.models import Integration
from companies.models import AuditEvent, Company, User
from procore_sync import mirroring
from procore_sync.models import MirroringPeriod, ProcoreIntegration, ProcoreInvoice
from procore_sync.tasks import sweep_due
from tests.procore_sync.review.given import (
    REVIEW,
    SETTINGS,
    approved,
    counted,
    earlier,
    heard_of,
    invented,
    listed,
    query_count,
    row_of,
    shown,
)
from tests.support import work
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db


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
