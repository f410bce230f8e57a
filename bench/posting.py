# ruff: noqa: INP001
"""How many bills a minute reach QuickBooks within its limits, what each costs in calls, and whether it ever complains.

    .venv/bin/python bench/posting.py [bills] [realms] [workers]

The emulator enforces 500 calls a minute, 10 a second and 10 at once per company, and takes 400 ms for a bill. Vendors
and accounts are known beforehand: what is measured is the sending.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from launcher.environment import Secrets, for_process, product_variables
from launcher.processes import Child
from launcher.servers import PostgresServer, ValkeyServer
from tests.support.emulated import IntuitEmulator
from tests.support.emulator_process import running_emulator

PER_MINUTE = 500
THREADS = 16
VENDORS = 20


def main(bills: int, realms: int, workers: int) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inbuild-bench-")))
        options = ("--seed", "many", "--companies", str(realms), "--limits", "off")
        url = stack.enter_context(running_emulator("intuit", folder / "intuit.sqlite", *options))
        variables = product_variables(
            "test",
            keys=Secrets.new(),
            database_url=stack.enter_context(PostgresServer()).url,
            redis_url=stack.enter_context(ValkeyServer()).url,
            media=folder,
            public_url="http://testserver",
            intuit_url=url,
            email_url="memorymail://",
        )
        os.environ.update(variables)
        intuit = IntuitEmulator(url)
        companies = prepare(intuit, bills // realms)
        intuit.switches(limits="documented", latency_by_kind="bill.create=400")
        for number in range(workers):
            celery = ("-m", "celery", "-A", "inbuild", "worker", "-P", "threads", "-c", str(THREADS))
            quiet = ("-n", f"bench{number}@%h", "--without-gossip", "--without-mingle", "--loglevel", "WARNING")
            command = [sys.executable, *celery, *quiet]
            child = Child(f"worker{number}", command, env=for_process(variables), log=folder / f"worker{number}.log")
            child.start()
            stack.callback(child.terminate)
        time.sleep(8)  # both are up before the clock starts
        measure(intuit, companies, bills // realms)


def prepare(intuit: IntuitEmulator, each: int) -> list[Any]:
    """A company for each realm, connected and mapped, with its bills waiting; nothing is due yet."""
    import django

    django.setup()
    from django.core.management import call_command

    from accounting import mapping, posting
    from accounting.models import Bill, Integration
    from companies.models import Company, Membership, Role, User
    from invoices import recording
    from invoices.models import Vendor
    from tests.support import connected

    call_command("migrate", verbosity=0)
    companies = []
    for number, realm in enumerate(sorted(row["realm"] for row in intuit.get("realms")["realms"])):
        company = Company.objects.create(name=f"Company {number}", time_zone="America/Chicago")
        user = User.objects.create_user(f"admin{number}@bench.example", "a-long-enough-password", name="Admin")
        Membership.objects.create(company=company, user=user, role=Role.ADMIN)
        integration = connected.quickbooks(intuit, company, user, realm)
        theirs = [entry for entry in intuit.entries("vendor", realm) if entry["active"]]
        for place in range(each):
            entry = theirs[place % min(VENDORS, len(theirs))]
            line = recording.NewLine("Work", Decimal("1000.00"), Decimal("-100.00"))
            new = recording.NewInvoice(
                vendor_name=entry["name"],
                vendor_procore_id=int(entry["id"]),
                number=f"B-{place}",
                invoice_date=date.today(),
                currency="USD",
                gross=line.gross,
                retainage=line.retainage,
                amount_due=line.gross + line.retainage,
                lines=(line,),
            )
            posting.release(recording.record_from_procore(company, new))
        for vendor in Vendor.objects.filter(company=company):
            entry = next(entry for entry in theirs if entry["name"] == vendor.name)
            mapping.map_vendor(integration, vendor, external_id=str(entry["id"]), name=entry["name"], currency="USD")
        companies.append(company)
    Bill.objects.update(next_at=None)
    Integration.objects.update(next_at=None)
    return companies


def measure(intuit: IntuitEmulator, companies: list[Any], each: int) -> None:
    from django.db.models.functions import Now

    from accounting.bells import POST_DUE
    from accounting.models import Bill
    from inbuild.queue import ring

    calls_before, made_before = calls_and_bills(intuit)
    Bill.objects.update(next_at=Now())
    started = time.monotonic()
    ended: dict[int, float] = {}
    while len(ended) < len(companies) and time.monotonic() < started + 60 * (2 + 3 * each / PER_MINUTE):
        for company in companies:
            if company.pk in ended:
                continue
            if not Bill.objects.filter(company=company).exclude(state="synced").exists():
                ended[company.pk] = time.monotonic() - started
            ring(POST_DUE, company.pk)  # as beat does
        time.sleep(1)
    traffic = intuit.traffic()
    posted = Bill.objects.filter(state="synced").count()
    seconds = max(ended.values(), default=time.monotonic() - started)
    calls, made = calls_and_bills(intuit)
    per_bill = (calls - calls_before) / max(made - made_before, 1)
    rate = posted / len(companies) / seconds * 60
    print(
        f"{posted} bills in {len(companies)} companies, {seconds:.1f} s: {rate:.0f} bills a minute and company "
        f"({rate / PER_MINUTE:.1%} of the limit), {per_bill:.2f} calls a bill, "
        f"429s {sum(row['throttled'] for row in traffic.values())}, "
        f"in flight at most {max(row['most_in_flight'] for row in traffic.values())}, "
        f"companies done after {', '.join(f'{each:.1f}' for each in sorted(ended.values()))} s"
    )


def calls_and_bills(intuit: IntuitEmulator) -> tuple[int, int]:
    rows = list(intuit.traffic().values())
    return sum(row["calls"] for row in rows), sum(row["kinds"].get("bill.create", 0) for row in rows)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [2000, 5, 2][len(given) :]))
