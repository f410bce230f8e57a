"""What the tests of Review share: rows as they come about, and the page in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from procore_sync.models import ProcoreIntegration, ProcoreInvoice
from procore_sync.tasks import sweep_due
from tests.support import work
from tests.support.emulated import COMPANY_ID, ProcoreEmulator

REVIEW = "/settings/procore/review/"
SETTINGS = "/settings/procore/"


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


def checked(page: str) -> set[int]:
    boxes = re.findall(r'<input class="form-check-input" type="checkbox" name="row" value="(\d+)"([^>]*)>', page)
    return {int(pk) for pk, rest in boxes if " checked" in rest}


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


def query_count(client: Any, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address).status_code == 200
    return len(queries)
