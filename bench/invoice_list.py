# ruff: noqa: INP001
"""How long the pages of the invoices list take with a million invoices in one company, in milliseconds.

    .venv/bin/python bench/invoice_list.py [invoices] [--plans]

Fills a PostgreSQL of its own: 96 % synced, 2 % skipped, 1 % ready, the rest needing a person; 2,000 vendors, 300
projects. Each page is asked for five times through the product's own functions; the median and the worst are printed.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from launcher.environment import Secrets, product_variables
from launcher.servers import PostgresServer

TIMES = 5
VENDORS, PROJECTS = 2_000, 300
INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('invoices_invoice', 'accounting_bill')
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = indexname)
"""
LOOKS = (
    "",
    "tab=attention",
    "tab=attention&sort=date",
    "tab=ready",
    "tab=ready&sort=date",
    "tab=syncing",
    "tab=synced",
    "tab=skipped&sort=amount",
    "sort=amount",
    "sort=-number",
    "sort=vendor",
    "sort=-due",
    "q=INV-123456",
    "q=Vendor 77",
    "q=e",
    "q=nothing-like-it",
    "q=1234.56",
    "q=SC-0042",
    "tab=attention&q=Vendor 1",
    "source=inbuild",
    "vendor=Vendor 77",
    "project={project}",
    "project={project}&tab=synced&sort=-amount",
    "from=2024-03-01&to=2024-03-31",
    "least=9990",
    "paid=partly",
    "paid=unpaid&tab=synced",
    "books={books}",
    "approval=waiting",
    "tab=synced&sort=date&from=2020-01-01",
)


def main(invoices: int, *, plans: bool) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inbuild-bench-")))
        os.environ.update(
            product_variables(
                "test",
                keys=Secrets.new(),
                database_url=stack.enter_context(PostgresServer()).url,
                redis_url="redis://127.0.0.1:9",
                media=folder,
                public_url="http://testserver",
                email_url="memorymail://",
            )
        )
        os.environ["DJANGO_SETTINGS_MODULE"] = "inbuild.settings"
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            started = time.monotonic()
            ids = _filled(cursor, invoices)
            print(f"{invoices:,} invoices in {time.monotonic() - started:.0f} s", flush=True)
        _measure(ids, plans=plans)


def _filled(cursor: Any, invoices: int) -> dict[str, int]:
    from accounting.models import Integration
    from companies.models import Company

    company = Company.objects.create(name="Bench", time_zone="America/Chicago")
    other = Company.objects.create(name="Beside", time_zone="America/Chicago")
    books = Integration.objects.create(
        company=company, kind="qbo", external_id="1", account_name="Bench", state="connected"
    )
    for each, vendors, projects in ((company, VENDORS, PROJECTS), (other, 1, 1)):
        cursor.execute(
            "INSERT INTO invoices_vendor (company_id, name, procore_environment, origin_id) "
            "SELECT %s, 'Vendor ' || n, '', '' FROM generate_series(1, %s) n",
            [each.pk, vendors],
        )
        cursor.execute(
            "INSERT INTO invoices_project (company_id, name, number, procore_environment, origin_id) "
            "SELECT %s, 'Tower ' || n, 'P-' || n, '', '' FROM generate_series(1, %s) n",
            [each.pk, projects],
        )
    # Filled as a dump is: the indexes come afterwards, and what belongs together does by construction.
    cursor.execute("SET session_replication_role = replica; SET maintenance_work_mem = '512MB'")
    cursor.execute(INDEXES)
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    for each, many in ((company, invoices), (other, max(1, invoices // 10))):
        for at in range(0, many, 100_000):
            _some(cursor, each.pk, at, min(many, at + 100_000), books.pk if each == company else None)
    for _, made_by in indexes:
        cursor.execute(made_by)
    cursor.execute("SET session_replication_role = origin")
    cursor.execute("VACUUM ANALYZE invoices_invoice, accounting_bill, invoices_vendor, invoices_project")
    cursor.execute("SELECT id FROM invoices_project WHERE company_id = %s AND number = 'P-77'", [company.pk])
    return {"company": company.pk, "books": books.pk, "project": cursor.fetchone()[0]}


def _some(cursor: Any, company: int, start: int, end: int, books: int | None) -> None:
    """Older ones are in QuickBooks, the newest wait: as it is, and the worst for a list that walks by date."""
    cursor.execute(
        """
        WITH first AS (
            SELECT (SELECT min(id) FROM invoices_vendor WHERE company_id = %(company)s) AS vendor,
                   (SELECT count(*) FROM invoices_vendor WHERE company_id = %(company)s) AS vendors,
                   (SELECT min(id) FROM invoices_project WHERE company_id = %(company)s) AS project,
                   (SELECT count(*) FROM invoices_project WHERE company_id = %(company)s) AS projects
        )
        INSERT INTO invoices_invoice (company_id, public_id, source, procore_environment, procore_kind, vendor_id,
            project_id, number, number_key, invoice_date, due_date, currency, gross, retainage, amount_due, commitment,
            memo, mismatch, state, source_state, approved_by, source_url, created_at)
        SELECT %(company)s, gen_random_uuid(), CASE WHEN n %% 50 = 0 THEN 'inbuild' ELSE 'procore' END, '', '',
            first.vendor + (n * 7919 %% first.vendors), first.project + (n * 104729 %% first.projects), 'INV-' || n,
            'inv' || n, date '2018-01-01' + (n * 3000::bigint / %(span)s)::int,
            CASE WHEN n %% 5 > 0 THEN date '2018-02-01' + (n * 3000::bigint / %(span)s)::int END, 'USD',
            (n * 31 %% 1000000)::numeric / 100, 0, (n * 31 %% 1000000)::numeric / 100,
            'SC-' || lpad((n %% 5000)::text, 4, '0') || ' Concrete', '', '',
            CASE WHEN n %% 997 = 0 THEN 'submitted' ELSE 'approved' END, 'as_imported', '', '', now()
        FROM generate_series(%(start)s::bigint, %(end)s::bigint - 1) n, first
        """,
        {"company": company, "start": start, "end": end, "span": max(1, SPAN)},
    )
    cursor.execute(
        """
        INSERT INTO accounting_bill (company_id, invoice_id, integration_id, kind, uid, state, problem, problem_detail,
            allow_duplicate, is_by_hand, generation, payload_sha256, external_id, external_number, sync_token,
            posted_vendor_id, is_unmarked, synced_at, paid_state, payment_reference, books_state, books_words,
            created_at, attempt, failures, payload, request_id)
        SELECT company_id, id, %(books)s, 'bill', gen_random_uuid(), it.state,
            CASE WHEN it.state IN ('needs_mapping', 'on_hold', 'failed') THEN 'refused' ELSE '' END, '{}', false, false,
            0, '', CASE WHEN it.state = 'synced' THEN id::text END, '', '', '', false,
            CASE WHEN it.state = 'synced' THEN now() END,
            CASE WHEN it.state <> 'synced' THEN '' WHEN id %% 400 = 1 THEN 'partly' WHEN id %% 10 = 0 THEN 'unpaid'
                 ELSE 'paid' END,
            '', CASE WHEN it.state = 'synced' AND id %% 5000 = 0 THEN 'changed' ELSE 'as_posted' END, '', now(), 0, 0,
            '\\x00', id::text
        FROM (
            SELECT id, company_id, state AS approval, CASE
                WHEN number_key <> '' AND row_number() OVER (ORDER BY id) %% 50 = 7 THEN 'skipped'
                WHEN substr(number, 5)::int > %(span)s * 0.985 THEN
                    (ARRAY['ready', 'ready', 'needs_mapping', 'on_hold', 'failed', 'synced'])[1 + id %% 6]
                WHEN substr(number, 5)::int > %(span)s * 0.9849 THEN 'sending'
                ELSE 'synced' END AS state
            FROM invoices_invoice WHERE company_id = %(company)s AND id > (
                SELECT coalesce(max(invoice_id), 0) FROM accounting_bill
            )
        ) it WHERE approval = 'approved'
        """,
        {"company": company, "books": books, "start": start, "end": end, "span": SPAN},
    )


def _looks(ids: dict[str, int]) -> Iterator[str]:
    for look in LOOKS:
        yield look.format(**ids)


def _measure(ids: dict[str, int], *, plans: bool) -> None:
    from django.db import connection, reset_queries
    from django.http import QueryDict

    from accounting import filtering, invoice_list
    from companies.models import Company

    company = Company.objects.get(pk=ids["company"])
    connection.force_debug_cursor = True
    print(f"{'median':>8} {'worst':>8} {'next':>8} {'beside':>8}  found")
    for look in _looks(ids):
        wanted = filtering.read(company, QueryDict(look))
        took: list[float] = []
        reset_queries()
        for _ in range(TIMES):
            started = time.perf_counter()
            page = invoice_list.page(company, wanted)
            took.append((time.perf_counter() - started) * 1e3)
        slow = [query for query in connection.queries if float(query["time"]) > 0.1] if plans else []
        following = _timed(invoice_list.page, company, wanted, after=page.next_cursor) if page.next_cursor else 0.0
        beside = _timed(filtering.neighbours, company, wanted, page.invoices[-1]) if page.invoices else 0.0
        many = f"{page.count:,}{'+' if page.is_capped else ''}"
        median, worst = statistics.median(took), max(took)
        print(f"{median:8.1f} {worst:8.1f} {following:8.1f} {beside:8.1f}  {many:>8}  ?{look}", flush=True)
        for query in slow[-2:]:
            print(f"    {query['time']} s: {query['sql'][:3000]}")


def _timed(what: Any, *given: Any, **more: Any) -> float:
    started = time.perf_counter()
    what(*given, **more)
    return (time.perf_counter() - started) * 1e3


if __name__ == "__main__":
    numbers = [argument for argument in sys.argv[1:] if argument.isdecimal()]
    SPAN = int(numbers[0]) if numbers else 1_000_000
    main(SPAN, plans="--plans" in sys.argv)
