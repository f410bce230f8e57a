"""Company files of QuickBooks Desktop as rows, as their sessions would have left them: for pages, without a PC."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounting import posting
from accounting.models import Bill, Integration, ListEntry
from companies.models import Company, Membership, Role, User
from invoices import recording
from invoices.models import Project, Vendor
from qbd import connecting
from qbd.models import Connection, Exchange, Session, VendorCreation

PASSWORD = "harborview-demo-2026"
SENT = (
    '<?xml version="1.0" encoding="utf-8"?><?qbxml version="13.0"?><QBXML><QBXMLMsgsRq onError="stopOnError"/></QBXML>'
)
HOST = (
    '<?xml version="1.0"?><QBXML><QBXMLMsgsRs><CompanyQueryRs statusCode="0" statusSeverity="Info" statusMessage="OK">'
    "<CompanyRet><IsSampleCompany>false</IsSampleCompany><CompanyName>Harborview Contracting LLC</CompanyName>"
    '</CompanyRet></CompanyQueryRs><PreferencesQueryRs statusCode="0" statusSeverity="Info" statusMessage="OK">'
    "<PreferencesRet/></PreferencesQueryRs></QBXMLMsgsRs></QBXML>"
)


def add(company: Company, user: User, name: str = "Main file", **more: Any) -> Connection:
    """A company file that works: it called a minute ago, its lists are here and its settings are chosen."""
    connection, _ = connecting.add(company, name, user=user)
    now = timezone.now()
    fields = {
        "first_contact_at": now - timedelta(days=3),
        "last_contact_at": now - timedelta(minutes=1),
        "last_success_at": now - timedelta(minutes=1),
        "file_seen_at": now - timedelta(days=3),
        "product": "QuickBooks Enterprise Solutions: Contractor 34.0",
        "company_name": "Harborview Contracting LLC",
        "company_file": rf"C:\QuickBooks\{name}.qbw",
        "web_connector": "34.0.0.30",
        "host": HOST,
    } | more
    Connection.objects.filter(pk=connection.pk).update(**fields)
    payable = _entry(connection.integration, ListEntry.Kind.ACCOUNT, "Accounts Payable", subtype="AccountsPayable")
    costs = _entry(
        connection.integration, ListEntry.Kind.ACCOUNT, "Job Costs:Subcontractors", subtype="CostOfGoodsSold"
    )
    Integration.objects.filter(pk=connection.integration_id).update(
        ap_account=payable, expense_account=costs, set_up_at=now, lists_read_at=now, preflight_at=now
    )
    connection.refresh_from_db()
    connection.integration.refresh_from_db()
    return connection


def _entry(integration: Integration, kind: str, name: str, **more: Any) -> ListEntry:
    return ListEntry.objects.create(
        company=integration.company,
        integration=integration,
        kind=kind,
        external_id=f"80000001-{ListEntry.objects.count()}",
        name=name,
        **more,
    )


def session(connection: Connection, number: int = 1, **more: Any) -> Session:
    began = timezone.now() - timedelta(minutes=10 * number)
    fields = {
        "ended_at": began + timedelta(seconds=73),
        "is_file_ours": True,
        "writes": 2,
        "questions": 11,
        "words": "Done: 2 changes sent to QuickBooks. inBuild shows how each ended.",
    } | more
    ticket = hashlib.sha256(f"{connection.pk}/{number}".encode()).hexdigest()
    return Session.objects.create(
        company=connection.company, connection=connection, ticket_sha256=ticket, started_at=began, **fields
    )


def exchange(row: Session, about: str = "write", sent: str = SENT, received: str = SENT, **more: Any) -> Exchange:
    fields = {"answered_at": timezone.now()} | more
    return Exchange.objects.create(
        company=row.company, session=row, about=about, sent=sent, received=received, **fields
    )


def approved(company: Company, number: str, project: str = "Harbor Tower", vendor: str = "Apex Electrical") -> Bill:
    """An approved invoice and its bill, ready."""
    line = recording.NewLine("Wiring", Decimal("1000.00"), Decimal(0), "16-100", "Electrical")
    new = recording.NewInvoice(
        vendor_name=vendor,
        vendor_procore_id=sum(vendor.encode()),
        number=number,
        invoice_date=date(2026, 11, 1),
        currency="USD",
        gross=Decimal("1000.00"),
        retainage=Decimal(0),
        amount_due=Decimal("1000.00"),
        lines=(line,),
        project_name=project,
        project_procore_id=sum(project.encode()),
    )
    return posting.release(recording.record_from_procore(company, new))


def company_with_files() -> dict[str, str]:
    """A company whose two files show all that the pages can show. Returns addresses by what they show."""
    company = Company.objects.create(name="Harborview Contracting", time_zone="America/New_York")
    people = {}
    for role, name in ((Role.ADMIN, "Ines Calder"), (Role.VIEWER, "Tom Abara")):
        people[role] = User.objects.create_user(f"{role}@harborview.example", PASSWORD, name=name)
        Membership.objects.create(company=company, user=people[role], role=role)
    main = add(company, people[Role.ADMIN])
    silent = add(
        company, people[Role.ADMIN], "Joint venture", last_contact_at=timezone.now() - timedelta(hours=26, minutes=5)
    )
    former = add(company, people[Role.ADMIN], "Old file")
    connecting.disconnect(former, user=people[Role.ADMIN])
    fresh, _ = connecting.add(company, "Service division", user=people[Role.ADMIN])
    for number in range(2, 6):
        session(main, number, writes=0, words="Done: nothing to send; inBuild read what is new in QuickBooks.")
    session(
        main, 7, problem="books", writes=0, questions=0,
        words="A window waits for an answer in QuickBooks on the PC. Close it.",
    )  # fmt: skip
    latest = session(main)
    for about in ("file", "questions", "write", "clear"):
        exchange(latest, about, received=SENT * 60 if about == "questions" else SENT)
    exchange(latest, received="", answered_at=None)
    waiting = approved(company, "HV-1001")
    Bill.objects.filter(pk=waiting.pk).update(integration=main.integration, problem=Bill.WAITS_FOR_PC)
    for number in range(3):
        stuck = approved(company, f"HV-200{number}", "Pier 9 Rehabilitation")
        Bill.objects.filter(pk=stuck.pk).update(
            problem="which_file", problem_detail={"project": "Pier 9 Rehabilitation"}
        )
    assert Project.objects.filter(company=company).count() == 2
    vendor = Vendor.objects.get(company=company)
    words = "QuickBooks has Apex Electrical, but as inactive. Make it active there, or map another vendor."
    VendorCreation.objects.create(
        company=company, integration=main.integration, vendor=vendor, state="refused", words=words
    )
    settings, desktop = "/settings/accounting/", "/settings/accounting/desktop/"
    return {
        "main": f"{settings}?file={main.integration_id}",
        "silent": f"{settings}?file={silent.integration_id}",
        "fresh": f"{settings}?file={fresh.integration_id}",
        "projects": f"{settings}projects/",
        "mapping": f"{settings}mapping/?file={main.integration_id}",
        "setup": f"{settings}setup/payable/?file={fresh.integration_id}",
        "set_up": f"{desktop}{fresh.integration_id}/",
        "done": f"{desktop}{main.integration_id}/",
        "sessions": f"{desktop}{main.integration_id}/sessions/",
        "none": f"{desktop}{fresh.integration_id}/sessions/",
        "session": f"{desktop}sessions/{latest.pk}/",
        "bill": f"/invoices/{waiting.invoice.public_id}/",
        "which": f"/invoices/{stuck.invoice.public_id}/",
    }
