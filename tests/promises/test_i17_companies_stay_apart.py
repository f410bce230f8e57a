"""I17: no company ever sees or changes another's data."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounting import posting
from accounting.models import Bill, BillFile, BulkItem, BulkRun, Integration
from companies.models import Company, Invitation, Mail, Membership, Notice, User
from inbuild.models import Turn
from invoices import inbox, recording
from invoices.models import InboxFile, Invoice, InvoiceLine, Vendor
from procore_sync.models import (
    ContractPayment,
    ProcoreAttachment,
    ProcoreIntegration,
    ProcoreInvoice,
    ProcoreProject,
    SentInvoice,
)
from qbd.models import Connection, Exchange, Session
from tests.promises.addresses import NOT_OURS, WITH_IDS, WITHOUT_IDS
from tests.support import work

pytestmark = pytest.mark.django_db

METHODS = ("get", "post", "put", "patch", "delete")
CANARY = "CANARY-OF-ANOTHER-COMPANY"

NUMBERED = (
    "integration",
    "procore_invoice",
    "procore_file",
    "bill_file",
    "payment",
    "company_file",
    "pc_session",
    "exchange",
    "member",
    "invited",
    "session",
)


@pytest.fixture
def theirs(other_company: Company, outsider: User) -> dict[str, Any]:
    """Another company full of canaries: the ids a nosy person would try."""
    return filled(other_company, outsider)


def filled(company: Company, user: User) -> dict[str, Any]:
    integration = Integration.objects.create(
        company=company, kind="qbo", external_id=f"{company.pk}99", account_name=f"{CANARY} books", state="connected"
    )
    procore = ProcoreIntegration.objects.create(
        company=company,
        environment="production",
        procore_company_id=company.pk,
        procore_company_name=f"{CANARY} in Procore",
        client_id=f"{CANARY}-client",
        client_secret="x",
        state="connected",
    )
    ProcoreProject.objects.create(company=company, integration=procore, procore_id=1, name=f"{CANARY} Tower")
    line = recording.NewLine(f"{CANARY} work", Decimal("10.00"), Decimal(0), CANARY)
    new = recording.NewInvoice(
        vendor_name=f"{CANARY} vendor",
        number=CANARY,
        invoice_date=date(2026, 1, 1),
        currency="USD",
        gross=Decimal("10.00"),
        retainage=Decimal(0),
        amount_due=Decimal("10.00"),
        lines=(line,),
        project_name=f"{CANARY} Tower",
        commitment=CANARY,
    )
    pdf = SimpleUploadedFile("x.pdf", b"%PDF-1.4 canary", content_type="application/pdf")
    draft = recording.record_upload(company, new, project=None, pdf=pdf, user=user)
    approved = recording.record_from_procore(company, new)
    bill = posting.release(approved)
    bill_file = BillFile.objects.create(
        company=company, bill=bill, attachment=draft.attachments.get(), state="failed", reason=CANARY
    )
    waiting = ProcoreInvoice.hint(procore, kind="subcontractor_invoice", procore_id=5, project_id=1)
    SentInvoice.objects.create(
        company=company,
        integration=procore,
        invoice=draft,
        project_id=1,
        commitment_id=1,
        payload={},
        problem=f"{CANARY} problem.",
        by=user,
    )
    waiting.remember(
        reason=f"{CANARY} reason.", gate="mirroring", number=CANARY, status="approved", snapshot={"number": CANARY}
    )
    followed = ProcoreInvoice.hint(procore, kind="subcontractor_invoice", procore_id=6, project_id=1)
    followed.remember(invoice=approved, decision="imported", snapshot={"number": CANARY}, imported={"number": CANARY})
    file = ProcoreAttachment.objects.create(
        company=company, procore_invoice=followed, procore_id="7", name=f"{CANARY}.pdf", state="failed"
    )
    payment = ContractPayment.objects.create(
        company=company,
        integration=procore,
        invoice=approved,
        origin_id=CANARY,
        payment_id="8",
        requisition_id=6,
        project_id=1,
        state="refused",
        problem=f"{CANARY} payment.",
    )
    company_file = Integration.objects.create(
        company=company,
        kind="qbd",
        external_id=f"{{{company.pk}}}",
        account_name=f"{CANARY} file",
        state="connected",
    )
    pc = Connection.objects.create(
        company=company, integration=company_file, key=f"{CANARY}-key", username=CANARY, password_sha256="0" * 64
    )
    pc_session = Session.objects.create(company=company, connection=pc, ticket_sha256=CANARY, words=CANARY)
    exchange = Exchange.objects.create(
        company=company, session=pc_session, about="write", sent=CANARY, received=CANARY, answered_at=timezone.now()
    )
    Notice.objects.create(company=company, key="x", words=f"{CANARY} notice.", label=CANARY, url="/", colour="bad")
    Mail.objects.create(
        company=company, membership=user.memberships.get(company=company), about="x", subject=CANARY, problem=CANARY
    )
    invited = Invitation.objects.create(
        company=company,
        email=f"{CANARY}@example.com",
        role="viewer",
        token_sha256=CANARY,
        sent_at=timezone.now(),
        expires_at=timezone.now(),
        invited_by=user,
    )
    session = UserSession.objects.create(user=user, session_key=CANARY[:40], ip="203.0.113.9", user_agent=CANARY)
    run = BulkRun.objects.create(
        company=company, token=uuid.uuid4(), deed="skip", filter=f"q={CANARY}", by=user, total=1
    )
    BulkItem.objects.create(company=company, run=run, invoice=approved, reason=CANARY)
    dropped = inbox.receive(company, ContentFile(b"%PDF-1.4 canary", f"{CANARY}.pdf"), user=user)
    found = {"vendor_name": {"value": CANARY, "words": CANARY}, "number": {"value": CANARY, "words": CANARY}}
    InboxFile.objects.update(state="read", found=found, next_at=None)
    return {
        "inbox_file": dropped.public_id,
        "member": user.memberships.get(company=company).pk,
        "invited": invited.pk,
        "session": session.pk,
        "bulk_run": run.public_id,
        "company_file": company_file.pk,
        "pc_session": pc_session.pk,
        "exchange": exchange.pk,
        "procore_invoice": waiting.pk,
        "procore_file": file.pk,
        "payment": payment.pk,
        "invoice": approved.public_id,
        "draft": draft.public_id,
        "attachment": draft.attachments.get().public_id,
        "integration": integration.pk,
        "bill_file": bill_file.pk,
        "company": company.public_id,
    }


def names(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from names(entry, f"{prefix}{entry.namespace}:" if entry.namespace else prefix)
        elif isinstance(entry, URLPattern) and entry.name:
            yield f"{prefix}{entry.name}"


def test_every_address_is_in_the_table() -> None:
    ours = {name for name in names(get_resolver()) if not name.startswith(NOT_OURS)}
    assert ours == set(WITH_IDS) | WITHOUT_IDS


@pytest.mark.timeout(600)
def test_i17_crawl(
    company: Company,
    admin: User,
    accountant: User,
    viewer: User,
    theirs: dict[str, Any],
    as_user: Any,
    monkeypatch: pytest.MonkeyPatch,
    figures: Callable[[str], None],
) -> None:
    """Every address with an id × every method × theirs, random and malformed ids × every role of ours: 404 or less."""
    work.no_bell(monkeypatch)
    before = snapshot()
    tried, leaked, wrong = 0, [], []
    for user in (admin, accountant, viewer, None):
        client = as_user(user) if user else Client()
        for address in with_foreign_ids(theirs):
            for method in METHODS:
                answer = getattr(client, method)(address)
                tried += 1
                if CANARY.encode() in b"".join(answer) if answer.streaming else CANARY.encode() in answer.content:
                    leaked.append(f"{method} {address}")
                allowed = {404, 405, 403} if user else {302, 404, 405, 403}
                if answer.status_code not in allowed:
                    wrong.append(f"{user} {method} {address}: {answer.status_code}")
    figures(f"addresses {len(WITH_IDS)} · requests {tried} · leaked {len(leaked)} · wrong status {len(wrong)}")
    assert not leaked
    assert not wrong
    assert snapshot() == before


def with_foreign_ids(theirs: dict[str, Any]) -> Iterator[str]:
    for name, (_, kind) in WITH_IDS.items():
        values = [
            theirs[kind],
            10**9 if kind in NUMBERED else uuid.uuid4(),
            "nonsense",
            "0",
            "%00",
        ]
        if kind == "invoice":
            values.append(theirs["draft"])
        for value in values:
            yield address_of(name, value)


def address_of(name: str, value: Any) -> str:
    paths = {
        "invoices:detail": f"/invoices/{value}/",
        "invoices:approve": f"/invoices/{value}/approve/",
        "invoices:edit": f"/invoices/{value}/edit/",
        "invoices:submit": f"/invoices/{value}/submit/",
        "invoices:reject": f"/invoices/{value}/reject/",
        "invoices:cancel": f"/invoices/{value}/cancel/",
        "invoices:inbox_file": f"/invoices/inbox/{value}/file/",
        "invoices:inbox_remove": f"/invoices/inbox/{value}/remove/",
        "invoices:comment": f"/invoices/{value}/comment/",
        "invoices:calls": f"/invoices/{value}/calls/",
        "invoices:attachment": f"/invoices/attachments/{value}/",
        "accounting:pause": f"/settings/accounting/{value}/pause/",
        "accounting:check": f"/settings/accounting/{value}/check/",
        "accounting:refresh": f"/settings/accounting/{value}/refresh/",
        "accounting:bill": f"/settings/accounting/bills/{value}/",
        "accounting:act": f"/settings/accounting/bills/{value}/retry/",
        "accounting:duplicate": f"/settings/accounting/bills/{value}/duplicate/",
        "accounting:link": f"/settings/accounting/bills/{value}/link/",
        "accounting:mark": f"/settings/accounting/bills/{value}/mark/",
        "accounting:unlink": f"/settings/accounting/bills/{value}/unlink/",
        "accounting:in_books": f"/settings/accounting/bills/{value}/books/check/",
        "accounting:resync": f"/settings/accounting/bills/{value}/resync/",
        "accounting:retry_file": f"/settings/accounting/files/{value}/retry/",
        "accounting:waiting": f"/settings/accounting/{value}/waiting/send/",
        "qbo:disconnect": f"/settings/accounting/qbo/{value}/disconnect/",
        "qbd:set_up": f"/settings/accounting/desktop/{value}/",
        "qbd:progress": f"/settings/accounting/desktop/{value}/progress/",
        "qbd:qwc": f"/settings/accounting/desktop/{value}/file/",
        "qbd:password": f"/settings/accounting/desktop/{value}/password/",
        "qbd:disconnect": f"/settings/accounting/desktop/{value}/disconnect/",
        "qbd:reconnect": f"/settings/accounting/desktop/{value}/reconnect/",
        "qbd:sessions": f"/settings/accounting/desktop/{value}/sessions/",
        "qbd:session": f"/settings/accounting/desktop/sessions/{value}/",
        "qbd:exchange": f"/settings/accounting/desktop/exchanges/{value}/received/",
        "members:role": f"/settings/members/{value}/role/",
        "members:remove": f"/settings/members/{value}/remove/",
        "members:send_again": f"/settings/members/invited/{value}/again/",
        "members:withdraw": f"/settings/members/invited/{value}/withdraw/",
        "members:end_session": f"/sessions/{value}/end/",
        "procore_sync:update_bill": f"/settings/procore/invoices/{value}/update/",
        "procore_sync:delete_bill": f"/settings/procore/invoices/{value}/delete/",
        "accounting:change": f"/settings/accounting/bills/{value}/change/keep/",
        "procore_sync:keep": f"/settings/procore/invoices/{value}/keep/",
        "procore_sync:retry_file": f"/settings/procore/files/{value}/retry/",
        "procore_sync:tell_again": f"/settings/procore/payments/{value}/again/",
        "procore_sync:check_invoice": f"/settings/procore/invoices/{value}/check/",
        "procore_sync:sent": f"/settings/procore/sent/{value}/",
        "procore_sync:send": f"/settings/procore/sent/{value}/send/",
        "bulk:run": f"/invoices/bulk/{value}/",
        "procore_sync:send_again": f"/settings/procore/sent/{value}/again/",
    }
    return paths[name]


def test_lists_and_settings_show_only_ones_own(
    company: Company, admin: User, theirs: dict[str, Any], as_user: Any
) -> None:
    filled_here = ProcoreIntegration.objects.create(
        company=company,
        environment="production",
        procore_company_id=1,
        client_id="x",
        client_secret="y",
        state="connected",
    )
    assert filled_here.is_active  # otherwise Review is not there at all
    client = as_user(admin)
    # The page repeats what was searched for, so only a part of the word is typed.
    for address in (
        "/invoices/",
        "/invoices/?q=CANARY-OF",
        "/invoices/new/",
        "/invoices/inbox/",
        "/settings/approvals/",
        "/settings/procore/",
        "/settings/procore/review/",
        "/settings/procore/review/?why=unknown",
        "/settings/procore/review/preview/",
        "/settings/procore/review/imports/",
        "/settings/accounting/",
        "/procore/why/",
        "/procore/why/?q=CANARY-OF",
        "/procore/why/?kind=subcontractor_invoice&project=1&id=5",
        f"/procore/why/?q=http://testserver/invoices/{theirs['invoice']}/",
        "/settings/accounting/mapping/",
        "/settings/accounting/projects/",
        "/notifications/",
        "/activity/",
        "/activity/?number=CANARY-OF",
        "/settings/notifications/",
        "/settings/members/",
        "/sessions/",
    ):
        answer = client.get(address)
        assert answer.status_code == 200
        assert CANARY.encode() not in answer.content


def test_a_foreign_file_of_the_inbox_cannot_be_entered(admin: User, theirs: dict[str, Any], as_user: Any) -> None:
    client, before = as_user(admin), snapshot()
    for value in (theirs["inbox_file"], uuid.uuid4(), "nonsense", "%00"):
        assert client.get(f"/invoices/new/?from={value}").status_code == 404
        assert client.post(f"/invoices/new/?from={value}").status_code == 404
        assert client.post("/invoices/new/", {"kept": str(value)}).status_code == 404
    assert snapshot() == before


def test_a_foreign_company_cannot_be_chosen(admin: User, theirs: dict[str, Any], as_user: Any) -> None:
    client = as_user(admin)
    assert client.post("/companies/choose/", {"company": theirs["company"]}).status_code == 404
    assert client.post("/companies/choose/", {"company": "nonsense"}).status_code == 404


def test_a_removed_member_is_out_at_the_next_request(company: Company, viewer: User, as_user: Any) -> None:
    client = as_user(viewer)
    assert client.get("/invoices/").status_code == 200
    Membership.objects.filter(user=viewer).delete()
    assert client.get("/invoices/").status_code == 403


def test_the_database_refuses_rows_across_companies(company: Company, theirs: dict[str, Any]) -> None:
    foreign = Vendor.objects.exclude(company=company)[0]
    foreign_invoice = Invoice.objects.get(public_id=theirs["invoice"])
    with pytest.raises(IntegrityError), transaction.atomic():
        Invoice.objects.create(
            company=company,
            source="procore",
            vendor=foreign,
            number="1",
            invoice_date=date(2026, 1, 1),
            gross=1,
            amount_due=1,
        )
        _check_now()
    with pytest.raises(IntegrityError), transaction.atomic():
        InvoiceLine.objects.create(company=company, invoice=foreign_invoice, position=9, gross=1)
        _check_now()
    with pytest.raises(IntegrityError), transaction.atomic():
        own = InboxFile(company=company, state="used", invoice=foreign_invoice, name="x", size=1, sha256="x")
        own.uploaded_by = User.objects.all()[0]
        own.save()
        _check_now()


def _check_now() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def snapshot() -> list[Any]:
    """Everything a stranger could have changed."""
    return [
        list(Invoice.objects.order_by("pk").values_list("pk", "state")),
        list(InboxFile.objects.order_by("pk").values_list("pk", "state", "file")),
        list(Bill.objects.order_by("pk").values_list("pk", "state", "attempt")),
        list(Integration.objects.order_by("pk").values_list("pk", "state", "expense_account")),
        list(Connection.objects.order_by("pk").values_list("pk", "password_sha256")),
        list(ProcoreInvoice.objects.values_list("pk", "wanted", "backfill", "dismissed")),
        list(SentInvoice.objects.values_list("pk", "state", "next_at")),
        list(ProcoreAttachment.objects.values_list("pk", "state", "attempt")),
        list(BillFile.objects.values_list("pk", "state")),
        list(ContractPayment.objects.values_list("pk", "state", "attempt")),
        list(Membership.objects.order_by("pk").values_list("pk", "role")),
        list(Invitation.objects.order_by("pk").values_list("pk", "token_sha256", "withdrawn_at")),
        list(UserSession.objects.values_list("session_key")),
        Turn.objects.count(),
    ]
