"""Activity: who did what, by filters, page by page and as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounting import posting, setting_aside
from accounting.models import Integration
from companies import auditing
from companies.models import AuditEvent, Company, User
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration, ProcoreInvoice
from tests.quickbooks.qbo.test_backend import approved
from tests.support import work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def sentences(client: Any, query: str = "") -> list[str]:
    answer = client.get(f"/activity/{query}")
    assert answer.status_code == 200
    return [row["event"].sentence for row in answer.context["rows"]]


def exported(client: Any, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/activity/csv/{query}")
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def said(company: Company, sentence: str, *, user: User | None = None, **more: Any) -> AuditEvent:
    auditing.record(
        company, more.pop("verb", "test"), more.pop("about", company), sentence, user=user, job="post", **more
    )
    return AuditEvent.objects.latest("id")


def dated(company: Company, sentence: str, at: str) -> None:
    AuditEvent.objects.create(
        company=company, job="post", verb="test", object_type="company", object_id="1", sentence=sentence, at=at
    )


def test_everybody_sees_who_did_what_newest_first(
    company: Company, accountant: User, viewer: User, as_user: Any
) -> None:
    invoice = approved(company)
    bill = posting.release(invoice)
    setting_aside.skip(bill, user=accountant)
    client = as_user(viewer)
    shown = client.get("/activity/").content.decode()
    assert sentences(client)[-1] == "Imported from Procore: INV-1 of Delta Steel"
    assert "inBuild, importing from Procore" in shown
    assert str(accountant) in shown
    # The bill's events lead to the invoice as well.
    assert shown.count(f'href="/invoices/{invoice.public_id}/">INV-1</a>') == len(sentences(client))


def test_filters_by_person(company: Company, accountant: User, admin: User, as_user: Any) -> None:
    said(company, "By the accountant", user=accountant)
    said(company, "By the admin", user=admin)
    said(company, "By itself")
    client = as_user(admin)
    assert sentences(client, f"?who={accountant.pk}") == ["By the accountant"]
    assert sentences(client, f"?who={admin.pk}") == ["By the admin"]
    assert sentences(client, "?who=inbuild") == ["By itself"]


def test_whoever_left_can_still_be_asked_for(company: Company, accountant: User, admin: User, as_user: Any) -> None:
    said(company, "Before leaving", user=accountant)
    accountant.memberships.all().delete()
    assert f'value="{accountant.pk}"' in as_user(admin).get("/activity/").content.decode()


def test_filters_by_kind_and_each_event_is_of_one_kind(
    company: Company, quickbooks: Integration, procore_integration: ProcoreIntegration, admin: User, as_user: Any
) -> None:
    from accounting import activity

    mirroring.set_to(procore_integration, True, user=admin)
    mirroring.set_to(procore_integration, False, user=admin)
    posting.release(approved(company))
    said(company, "Somebody joined", verb="members.joined")
    client = as_user(admin)
    events = AuditEvent.objects.filter(company=company)
    of_kind = {
        kind: set(events.filter(rule).values_list("pk", flat=True)) for kind, (_, rule) in activity.KINDS.items()
    }
    assert sum(len(ids) for ids in of_kind.values()) == events.count()
    for kind, (label, _) in activity.KINDS.items():
        assert {activity.kind_of(event) for event in events.filter(pk__in=of_kind[kind])} <= {label}
    assert [row["event"].verb for row in client.get("/activity/?kind=switch").context["rows"]] == [
        "mirroring.off",
        "mirroring.on",
    ]
    assert sentences(client, "?kind=people") == ["Somebody joined"]


def test_days_are_the_companys(company: Company, admin: User, as_user: Any) -> None:
    # Chicago is five hours behind in May: this is still the 1st there.
    dated(company, "Late on the first", "2026-05-02T04:59:59Z")
    dated(company, "Early on the second", "2026-05-02T05:00:00Z")
    client = as_user(admin)
    assert sentences(client, "?from=2026-05-01&to=2026-05-01") == ["Late on the first"]
    assert sentences(client, "?from=2026-05-02&to=2026-05-02") == ["Early on the second"]
    assert exported(client, "?from=2026-05-01&to=2026-05-01")[0]["Time"] == "2026-05-01T23:59:59-05:00"


def test_filters_by_invoice_number(
    company: Company, procore_integration: ProcoreIntegration, admin: User, as_user: Any
) -> None:
    posting.release(approved(company, "A-17"))
    posting.release(approved(company, "B-17", vendor="Omega Concrete"))
    left_out = ProcoreInvoice.objects.create(
        company=company,
        integration=procore_integration,
        kind="subcontractor_invoice",
        procore_id=99,
        project_id=1,
        number="A-17",
    )
    said(company, "Left out", about=left_out, verb="procore_invoice.waiting")
    client = as_user(admin)
    found = client.get("/activity/?number=a17").context["rows"]
    assert {row["event"].object_type for row in found} == {"invoice", "bill"}
    assert {row["thing"].number for row in found} == {"A-17"}
    found = client.get("/activity/?number=A-17").context["rows"]
    assert {row["event"].object_type for row in found} == {"invoice", "bill", "procoreinvoice"}
    assert "/procore/why/?kind=subcontractor_invoice" in found[0]["thing"].address
    assert sentences(client, "?number=C-1") == []


@pytest.mark.parametrize(
    "query",
    [
        "?who=x",
        "?who=-1",
        "?who=%00",
        "?who=" + "9" * 40,
        "?who=²",
        "?kind=nonsense",
        "?from=yesterday",
        "?to=2026-02-30",
        "?from=0001-01-01",
        "?to=9999-12-31",
        "?from=2026-02-02&to=2026-02-01",
        "?number=%00",
        "?number=---",
        "?number=" + "x" * 500,
    ],
)
def test_what_cannot_be_read_is_said_and_lets_nothing_through(
    query: str, company: Company, admin: User, as_user: Any
) -> None:
    said(company, "Something")
    client = as_user(admin)
    answer = client.get(f"/activity/{query}")
    assert answer.status_code == 200
    assert answer.context["wanted"].unreadable
    assert answer.context["rows"] == exported(client, query) == []


@pytest.mark.parametrize(
    "after",
    ["x", "%00", "_", "2026-01-01_1", "0001-01-01T00:00:00%2B00:00_1", "9999-12-31T23:59:59-12:00_1", "_" * 500],
)
def test_a_cursor_that_cannot_be_read_shows_the_first_page(
    after: str, company: Company, admin: User, as_user: Any
) -> None:
    said(company, "Something")
    assert sentences(as_user(admin), f"?after={after}") == ["Something"]


def test_pages_follow_one_another_without_gap_or_repeat_though_many_happened_at_once(
    company: Company, admin: User, as_user: Any
) -> None:
    # In one transaction the database's clock stands still.
    auditing.record_each("test", approved_many(company, 120), "Something", user=admin, before={}, after={})
    client, seen, query = as_user(admin), [], f"?who={admin.pk}"
    for _ in range(3):
        answer = client.get(f"/activity/{query}")
        seen += [row["event"].pk for row in answer.context["rows"]]
        found = re.search(r'href="/activity/(\?[^"]+)"[^>]*>\s*Earlier', answer.content.decode())
        query = found[1].replace("&amp;", "&") if found else ""
    assert not query
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, reverse=True)


def approved_many(company: Company, count: int) -> list[Any]:
    return [approved(company, f"N-{number}") for number in range(count)]


def test_the_file_holds_exactly_the_filter_and_no_formula(
    company: Company, admin: User, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounting import activity

    monkeypatch.setattr(activity, "BATCH", 2)
    for begin in ("=", "+", "-", "@", "\t", "\r"):
        said(company, f"{begin}cmd|' /C calc'!A0", user=admin)
    said(company, 'Müller, "quoted"\nnext line', user=admin, after={"=x": "=1+1"})
    said(company, "Not mine")
    client = as_user(admin)
    rows = exported(client, f"?who={admin.pk}")
    assert [row["What happened"] for row in rows][0] == 'Müller, "quoted"\nnext line'
    assert [row["What happened"][:2] for row in rows][1:] == ["'\r", "'\t", "'@", "'-", "'+", "'="]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row.values())
    assert [row["What happened"] for row in exported(client)][0] == "Not mine"
    assert len(exported(client)) == len(rows) + 1


def test_the_number_of_queries_depends_neither_on_rows_nor_on_filters(
    company: Company, admin: User, as_user: Any
) -> None:
    client, asked = as_user(admin), []
    client.get("/activity/")
    for _ in range(2):
        for invoice in [approved(company, f"Q-{AuditEvent.objects.count()}-{number}") for number in range(10)]:
            posting.release(invoice)
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/activity/").status_code == 200
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 16


def test_another_companys_people_and_invoices_are_not_there(
    company: Company, other_company: Company, outsider: User, admin: User, as_user: Any
) -> None:
    posting.release(approved(other_company, "SECRET-1"))
    said(other_company, "Secret", user=outsider)
    client = as_user(admin)
    for query in ("", f"?who={outsider.pk}", "?number=SECRET-1", "?kind=bills"):
        assert sentences(client, query) == []
        assert exported(client, query) == []
    assert outsider.email not in client.get("/activity/").content.decode()


def test_a_stranger_is_sent_to_sign_in(client: Any, db: None) -> None:
    for address in ("/activity/", "/activity/csv/"):
        assert client.get(address)["Location"].startswith("/accounts/login/")
