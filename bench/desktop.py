# ruff: noqa: INP001
"""How long one session of the Web Connector takes for many bills, what each costs in calls and SQL, and the memory.

    .venv/bin/python bench/desktop.py [bills]

The emulated PC answers at once, so what is measured is inBuild and the way there. Vendors and accounts are known
beforehand. SQL is counted in a second, shorter session, because PostgreSQL writes each statement into its log for it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psycopg

from launcher.environment import Secrets, for_process, product_variables
from launcher.places import free_port
from launcher.processes import Child
from launcher.servers import PostgresServer, ValkeyServer
from tests.support.desktop import DesktopEmulator
from tests.support.emulator_process import running_emulator

VENDORS = 20
COUNTED = 50


def main(bills: int) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inbuild-bench-")))
        desktop = DesktopEmulator(stack.enter_context(running_emulator("desktop", folder / "desktop.sqlite")))
        database, port = stack.enter_context(PostgresServer()), free_port()
        variables = product_variables(
            "test",
            keys=Secrets.new(),
            database_url=database.url,
            redis_url=stack.enter_context(ValkeyServer()).url,
            media=folder,
            public_url=f"http://127.0.0.1:{port}",
            email_url="memorymail://",
        ) | {"QBD_WRITES_PER_SESSION": str(bills + COUNTED)}
        os.environ.update(variables)
        company = prepare()
        granian = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws"]
        granian += ["--workers", "1", "--blocking-threads", "8", "--log-level", "warning", "inbuild.wsgi:application"]
        web = Child("web", [sys.executable, *granian], env=for_process(variables), log=folder / "web.log")
        web.start()
        stack.callback(web.terminate)
        web.wait_ready(f"http://127.0.0.1:{port}/readyz", timeout=60)
        app = connect(desktop, company)
        idle = peak_memory(web.pid)
        release(desktop, company, bills, "B")
        measure(desktop, app, web, idle)
        release(desktop, company, COUNTED, "C")
        count_sql(desktop, app, database)


def prepare() -> Any:
    """The database and a company with its admin."""
    import django

    django.setup()
    from django.core.management import call_command

    from companies.models import Company, Membership, Role, User

    call_command("migrate", verbosity=0)
    company = Company.objects.create(name="Northgate Builders", time_zone="America/Chicago")
    user = User.objects.create_user("admin@bench.example", "a-long-enough-password", name="Admin")
    Membership.objects.create(company=company, user=user, role=Role.ADMIN)
    return company


def connect(desktop: DesktopEmulator, company: Any) -> str:
    """The company file is added, its lists are read in a first session, and its accounts are chosen."""
    from accounting import configuring, lists
    from companies.models import User
    from qbd import connecting

    user = User.objects.get()
    connection, password = connecting.add(company, "Northgate Builders", user=user)
    app = str(desktop.add_application(connecting.file_for_pc(connection).decode(), password)["name"])
    desktop.update(app)
    found = {entry.name: entry for entry in lists.accounts(connection.integration)}
    configuring.save(
        connection.integration,
        ap_account=lists.accounts(connection.integration, "AccountsPayable").first(),
        expense_account=next(entry for name, entry in found.items() if "Subcontract" in name),
        retainage_account=next(entry for name, entry in found.items() if "Reten" in name),
        user=user,
    )
    return app


def release(desktop: DesktopEmulator, company: Any, count: int, letter: str) -> None:
    """Approved invoices of vendors that the company file knows, waiting for the PC."""
    from accounting import posting
    from accounting.models import Bill
    from accounting.tasks import post_due
    from invoices import recording

    vendors = [entry for entry in desktop.entries("Vendor") if entry["active"]][:VENDORS]
    for place in range(count):
        entry = vendors[place % len(vendors)]
        line = recording.NewLine("Work", Decimal("1000.00"), Decimal("-100.00"))
        new = recording.NewInvoice(
            vendor_name=entry["name"],
            vendor_procore_id=1 + place % len(vendors),
            number=f"{letter}-{place}",
            invoice_date=date.today(),
            currency="USD",
            gross=line.gross,
            retainage=line.retainage,
            amount_due=line.gross + line.retainage,
            lines=(line,),
        )
        posting.release(recording.record_from_procore(company, new))
    while Bill.objects.filter(state="ready").exclude(problem=Bill.WAITS_FOR_PC).exists():
        post_due(company_id=company.pk)


def measure(desktop: DesktopEmulator, app: str, web: Child, idle: int) -> None:
    from accounting.models import Bill
    from qbd.models import Session

    started = time.monotonic()
    report = desktop.update(app)
    seconds = time.monotonic() - started
    posted, there = Bill.objects.filter(state="synced").count(), len(desktop.bills())
    session = Session.objects.latest("id")
    calls = len(report["operations"])
    waited: dict[str, float] = defaultdict(float)
    for call in desktop.session(report["id"])["calls"]:
        waited[call["operation"]] += call["milliseconds"] / 1000
    print(
        f"{posted} bills in one session ({report['outcome']}), {there} in the company file: {seconds:.1f} s, "
        f"{posted / seconds * 60:.0f} bills a minute, {calls / max(posted, 1):.2f} SOAP calls a bill, "
        f"{report['message_sets'] / max(posted, 1):.2f} message sets a bill, {session.questions} questions, "
        f"{session.writes} writes, web process at most {peak_memory(web.pid)} MB ({idle} MB before)"
    )
    busiest = sorted(waited.items(), key=lambda each: -each[1])[:3]
    print("    inBuild's part: " + ", ".join(f"{name} {spent:.1f} s" for name, spent in busiest))


def count_sql(desktop: DesktopEmulator, app: str, database: PostgresServer) -> None:
    """The statements of a session of its own, from PostgreSQL's log."""
    from qbd.models import Session

    log = database.log
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(1)
    before = log.stat().st_size
    report = desktop.update(app)
    text = log.read_bytes()[before:].decode(errors="replace").splitlines()
    statements = [line for line in text if "LOG:  statement: " in line or "LOG:  execute " in line]
    kinds = [line.split(": ", 2)[-1].split(" ", 1)[0].upper() for line in statements]
    rest = sum(kind in ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE") for kind in kinds)
    session = Session.objects.latest("id")
    print(
        f"{session.writes} bills with SQL counted: {len(statements) / max(session.writes, 1):.0f} statements a bill, "
        f"{rest / max(session.writes, 1):.0f} of them begin or end a transaction, "
        f"{len(statements) / max(len(report['operations']), 1):.0f} a call"
    )


def peak_memory(pid: int) -> int:
    """The most that the process or one of its own ever held, in MB."""
    tree, most = [pid], 0
    while tree:
        one = tree.pop()
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                most = max(most, int(line.split()[1]) // 1024)
        for task in Path(f"/proc/{one}/task").iterdir():
            tree += [int(child) for child in (task / "children").read_text().split()]
    return most


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given or [500]))
