"""The files of a mirrored invoice come along, or say why not; invoice and bill go on whatever a file does."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from accounting.models import Bill, Integration
from accounting.tasks import attach_due as attach_to_bills
from companies.models import Company, User
from inbuild import downloading
from invoices.models import Attachment, file_name
from procore_sync import attaching, mirroring
from procore_sync.bells import ATTACH_DUE
from procore_sync.models import ProcoreAttachment, ProcoreIntegration, ProcoreInvoice
from procore_sync.tasks import attach_due
from tests.support import hostile, work
from tests.support.emulated import REALM, IntuitEmulator, ProcoreEmulator
from tests.support.hostile import Act, HostileServer, hostile_server

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20 + b"IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 20 + b"\xff\xd9"
FILES = "/rest/v1.0/prostore_files/"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    work.no_bell(monkeypatch)
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def switched_on(procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    return procore_integration


@pytest.fixture
def bad(switched_on: ProcoreIntegration, settings: Any) -> Iterator[HostileServer]:
    """A storage of the emulated Procore's that does what a test says; its host is one the settings name."""
    with hostile_server() as server:
        custom = settings.PROCORE_ENVIRONMENTS["custom"] | {"storage": server.url}
        settings.PROCORE_ENVIRONMENTS = settings.PROCORE_ENVIRONMENTS | {"custom": custom}
        yield server


def approved_with_a_file(integration: ProcoreIntegration, procore: ProcoreEmulator, name: str = "scan.pdf") -> Any:
    record = procore.create(status="under_review", attachment=name)
    procore.approve(record["id"])
    heard_of(integration, record)
    return record


def heard_of(integration: ProcoreIntegration, record: Mapping[str, Any]) -> ProcoreInvoice:
    row = ProcoreInvoice.hint(
        integration, kind="subcontractor_invoice", procore_id=int(record["id"]), project_id=int(record["project_id"])
    )
    work.drain(integration.company)
    row.refresh_from_db()
    return row


def files_come(company: Company, turns: int = 4) -> list[ProcoreAttachment]:
    """All due work on files, as if no time had to pass between the tries."""
    for _ in range(turns):
        ProcoreAttachment.objects.filter(next_at__isnull=False).update(next_at=timezone.now())
        attach_due(company_id=company.pk)
    return list(ProcoreAttachment.objects.order_by("id"))


def the_file() -> ProcoreAttachment:
    return ProcoreAttachment.objects.exclude(procore_id=ProcoreAttachment.PRINTED).get()


def content_of(attachment: Attachment) -> bytes:
    with attachment.file.open("rb") as file:
        return bytes(file.read())


def test_the_print_and_every_attachment_come_along(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, accountant: User, as_user: Any
) -> None:
    approved_with_a_file(switched_on, procore, "Pay app 7.pdf")
    [printed, file] = files_come(switched_on.company)
    assert [each.state for each in (printed, file)] == ["stored", "stored"]
    invoice = file.procore_invoice.invoice
    assert invoice is not None
    kept = {each.name: each for each in invoice.attachments.all()}
    assert set(kept) == {f"Subcontractor invoice {invoice.number}.pdf", "Pay app 7.pdf"}
    assert b"Status: approved" in content_of(kept[f"Subcontractor invoice {invoice.number}.pdf"])
    assert all("Pay app" not in str(each.file.name) for each in kept.values())
    assert procore.get("events", kind="token_forwarded_to_storage") == []
    shown = as_user(accountant).get(f"/invoices/{invoice.public_id}/").content.decode()
    assert "Pay app 7.pdf" in shown
    assert "Not copied" not in shown


def test_files_that_come_after_the_bill_was_posted_follow_it_into_quickbooks(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    approved_with_a_file(switched_on, procore, "Pay app 7.pdf")
    bill = Bill.objects.get()
    assert (bill.state, bill.files.count()) == (Bill.State.SYNCED, 0)
    files_come(switched_on.company)
    assert bill.files.count() == 2
    attach_to_bills(company_id=bill.company_id)
    there = intuit.get("ledger", realm=REALM)["attachments"]
    assert {row["file_name"] for row in there} == {
        f"Subcontractor invoice {bill.invoice.number}.pdf",
        "Pay app 7.pdf",
    }
    assert all(row["linked_to"] == [{"type": "Bill", "id": bill.external_id}] for row in there)


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"\0" * 50_000_000)
    return packed.getvalue()


HOSTILE: dict[str, tuple[Callable[[HostileServer], Act], str, bool]] = {
    "404": (lambda _: hostile.body(b"", 404), "no longer where its link leads", False),
    "403": (lambda _: hostile.body(b"expired", 403), "no longer, open to inBuild", False),
    "500": (lambda _: hostile.body(b"", 500), "answered with an error (500)", False),
    "a login page with 200": (lambda _: hostile.body(b"<html>Log in</html>"), "A web page came", False),
    "a redirect loop": (lambda s: hostile.redirect(f"{s.url}/0"), "without end", False),
    "a redirect to the metadata service": (
        lambda _: hostile.redirect("https://169.254.169.254/latest/meta-data/"),
        "inside a private network",
        True,
    ),
    "a redirect to a neighbour": (lambda _: hostile.redirect("https://localhost:5432/"), "inside a private", True),
    "a redirect to plain http": (lambda _: hostile.redirect("http://example.com/"), "not a secure web address", True),
    "a redirect to file:": (lambda _: hostile.redirect("file:///etc/passwd"), "no address", True),
    "a redirect with a password": (lambda _: hostile.redirect("https://a:b@example.com/"), "no address", True),
    "a redirect to nowhere": (lambda _: hostile.redirect("https://[::1"), "no address", True),
    "0 bytes": (lambda _: hostile.body(b""), "The file is empty", False),
    "30 MB": (lambda _: hostile.body(b"%PDF-1.4" + b"0" * 30_000_000), "larger than 25 MB", True),
    "less than promised": (lambda _: hostile.body(PDF, length=len(PDF) + 100), "did not come", False),
    "cut short": (lambda _: hostile.body(PDF[:-6]), "its end is missing", False),
    "a zip bomb": (lambda _: hostile.body(bomb()), "not a PDF, PNG or JPEG", True),
    "a bomb of the encoding": (
        lambda _: hostile.body(gzip.compress(b"%PDF-" + b"0" * 50_000_000), Content_Encoding="gzip"),
        "not a PDF, PNG or JPEG",
        True,
    ),
    "a page that is also a PDF": (lambda _: hostile.body(b"<script>1</script>" + PDF), "A web page came", False),
    "a PDF that is also an archive": (lambda _: hostile.body(PDF + bomb()), "its end is missing", False),
    "a program called PDF": (
        lambda _: hostile.body(b"MZ\x90\x00" + PDF, Content_Type="application/pdf"),
        "not a PDF, PNG or JPEG",
        True,
    ),
    "a connection that breaks": (lambda _: lambda handler: handler.connection.close(), "did not come", False),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_bad_file_says_why_and_holds_up_nothing(
    case: str,
    bad: HostileServer,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    accountant: User,
    as_user: Any,
) -> None:
    make, reason, final = HOSTILE[case]
    procore.fault("redirect", path=FILES, location=bad.serves(make(bad)))
    approved_with_a_file(switched_on, procore)
    assert len(intuit.bills()) == 1
    files_come(switched_on.company, turns=1)
    file = the_file()
    assert reason in file.reason
    assert (file.state, file.failures) == (("failed", 1) if final else ("waiting", 1))
    files_come(switched_on.company)
    file.refresh_from_db()
    assert (file.state, file.failures, file.next_at) == ("failed", 1 if final else 3, None)
    assert not Attachment.objects.filter(name=file.name).exists()
    assert Bill.objects.get().state == Bill.State.SYNCED
    invoice = Bill.objects.get().invoice
    assert "Not copied" in as_user(accountant).get(f"/invoices/{invoice.public_id}/").content.decode()
    assert all(token == "" for _, token in bad.asked)


def test_retry_after_it_was_mended(
    bad: HostileServer, switched_on: ProcoreIntegration, procore: ProcoreEmulator, accountant: User, as_user: Any
) -> None:
    procore.fault("redirect", path=FILES, location=bad.serves(hostile.body(b"no picture")))
    approved_with_a_file(switched_on, procore)
    files_come(switched_on.company)
    file = the_file()
    assert file.state == "failed"
    procore.delete("faults")
    client = as_user(accountant)
    for _ in range(2):  # a double click
        assert client.post(f"/settings/procore/files/{file.pk}/retry/").status_code == 302
    file.refresh_from_db()
    assert (file.state, file.failures) == ("waiting", 0)
    files_come(switched_on.company)
    file.refresh_from_db()
    assert file.state == "stored"


def test_a_viewer_cannot_retry(
    bad: HostileServer, switched_on: ProcoreIntegration, procore: ProcoreEmulator, viewer: User, as_user: Any
) -> None:
    procore.fault("redirect", path=FILES, location=bad.serves(hostile.body(b"no picture")))
    approved_with_a_file(switched_on, procore)
    files_come(switched_on.company)
    assert as_user(viewer).post(f"/settings/procore/files/{the_file().pk}/retry/").status_code == 403
    assert the_file().state == "failed"


@pytest.mark.parametrize(("content", "kind"), [(PDF, "application/pdf"), (PNG, "image/png"), (JPEG, "image/jpeg")])
def test_what_is_kept_is_shown_as_what_its_bytes_are(
    content: bytes,
    kind: str,
    bad: HostileServer,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    viewer: User,
    outsider: User,
    as_user: Any,
) -> None:
    procore.fault("redirect", path=FILES, location=bad.serves(hostile.body(content, Content_Type="text/html")))
    approved_with_a_file(switched_on, procore, "Foto \N{GRINNING FACE} ü.exe")
    files_come(switched_on.company)
    kept = the_file().attachment
    assert kept is not None
    answer = as_user(viewer).get(f"/invoices/attachments/{kept.public_id}/")
    assert b"".join(answer.streaming_content) == content
    assert answer["Content-Type"] == kind
    how = "inline" if content is PDF else "attachment"
    assert answer["Content-Disposition"].startswith(f"{how}; filename*=utf-8''Foto%20%F0%9F%98%80")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    # A sandbox would keep the browser's PDF viewer from starting.
    assert ("sandbox" in answer["Content-Security-Policy"]) == (content is not PDF)
    assert kept.name.endswith(f".exe.{Attachment.ENDINGS[kind]}")
    assert as_user(outsider).get(f"/invoices/attachments/{kept.public_id}/").status_code == 404


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd.pdf"),
        ("..\\..\\boot.ini", "boot.ini.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie: x.pdf"),
        ("x" * 300 + ".pdf", "x" * 250 + ".pdf"),
        ("\N{PARTY POPPER}.PDF", "\N{PARTY POPPER}.PDF"),
        ("no ending", "no ending.pdf"),
        ("invoice\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe", "invoicefdp.exe.pdf"),
        ("...", "file.pdf"),
        (".pdf", "pdf.pdf"),
        ("", "file.pdf"),
    ],
)
def test_a_name_is_only_a_name(given: str, shown: str) -> None:
    assert file_name(given, "application/pdf") == shown


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "0.1.2.3", "192.168.1.1"]
    + ["::1", "fe80::1%eth0", "fd00:ec2::254", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "224.0.0.1"]
    + ["168.63.129.16", "255.255.255.255", "240.0.0.1"],
)
def test_inner_addresses_are_not_public(address: str) -> None:
    assert not downloading.is_public(address)
    assert downloading.is_public("93.184.216.34")
    assert downloading.is_public("2606:2800:220:1:248:1893:25c8:1946")


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1"])
def test_a_name_that_leads_inside_is_refused_before_anything_is_asked(host: str) -> None:
    with pytest.raises(downloading.NotFetched, match="inside a private network"):
        downloading.fetch(f"https://{host}/x", lambda _: None)


def test_the_name_is_asked_once_and_that_address_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch, bad: HostileServer
) -> None:
    """A name that leads outside first and inside a moment later must not get us inside."""
    asked = []

    def rebinding(host: str, port: int, *_: Any, **__: Any) -> Any:
        if host != "127.0.0.1":  # which is no name
            asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "10.0.0.1", port))]

    monkeypatch.setattr("inbuild.downloading.socket.getaddrinfo", rebinding)
    netloc = f"files.example:{bad.url.rsplit(':', 1)[1]}"
    address = bad.serves(hostile.body(PDF)).replace(bad.url, f"http://{netloc}")
    calls: list[Any] = []
    file = downloading.fetch(address, calls.append, trusted=frozenset({netloc}))
    assert file.content == PDF
    assert asked == ["files.example"]
    assert calls[0].url == address


def test_a_slow_file_ends_with_the_minute(monkeypatch: pytest.MonkeyPatch, bad: HostileServer) -> None:
    monkeypatch.setattr(downloading, "SECONDS", 0.5)
    trusted = frozenset({bad.url.removeprefix("http://")})
    with pytest.raises(downloading.NotFetched, match="no answer in time"):
        downloading.fetch(bad.serves(hostile.silence(3)), lambda _: None, trusted=trusted)


def test_a_print_that_never_ends_is_given_up(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    procore.fault("404", path="/rest/v1.0/pdf_jobs/")
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    heard_of(switched_on, record)
    assert len(intuit.bills()) == 1
    files_come(switched_on.company, turns=6)
    file = ProcoreAttachment.objects.get()
    assert (file.state, file.failures) == ("failed", 3)
    procore.delete("faults")
    assert file.retry(user=User.objects.all()[0])
    # The emulator's print is ready at the second look; with no patience at all that is too late.
    monkeypatch.setattr(attaching, "PRINTING_PATIENCE", -attaching.POLL)
    files_come(switched_on.company, turns=2)
    file.refresh_from_db()
    assert file.reason == "Procore did not finish its print of the invoice."


def test_a_file_that_vanished_in_procore_rests_at_once(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    approved_with_a_file(switched_on, procore)
    ProcoreAttachment.objects.exclude(procore_id="pdf").update(procore_id="1")
    files_come(switched_on.company, turns=1)
    assert (the_file().state, the_file().reason) == (
        "failed",
        "It is no longer attached to the invoice in Procore.",
    )


def test_a_file_added_later_comes_too_and_a_refreshed_invoice_is_printed_again(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    Integration.objects.update(paused=True)
    record = approved_with_a_file(switched_on, procore)
    files_come(switched_on.company)
    before = Attachment.objects.get(name__startswith="Subcontractor invoice")
    path = Path(before.file.path)
    procore.post(f"invoices/{record['id']}/attachments", {"filename": "late.pdf"})
    procore.patch(f"invoices/{record['id']}", {"scale": "0.5"})
    heard_of(switched_on, record)
    files_come(switched_on.company)
    assert Attachment.objects.filter(name="late.pdf").count() == 1
    after = Attachment.objects.get(name__startswith="Subcontractor invoice")
    assert after.pk != before.pk
    assert not path.exists() or connection.in_atomic_block  # the old file goes once the transaction is certain


def test_while_procore_is_not_connected_files_wait(switched_on: ProcoreIntegration, procore: ProcoreEmulator) -> None:
    approved_with_a_file(switched_on, procore)
    ProcoreIntegration.objects.update(state="needs_reconnect")
    files_come(switched_on.company)
    assert {(file.state, file.failures) for file in ProcoreAttachment.objects.all()} == {("waiting", 0)}
    ProcoreIntegration.objects.update(state="connected")
    assert {file.state for file in files_come(switched_on.company)} == {"stored"}


def test_only_so_many_workers_are_at_files_at_once(switched_on: ProcoreIntegration, procore: ProcoreEmulator) -> None:
    approved_with_a_file(switched_on, procore)
    with psycopg.connect(**_connection()) as other:
        for number in range(attaching.AT_ONCE):
            other.execute("SELECT pg_advisory_lock(hashtext(%s), %s)", [ATTACH_DUE, number])
        assert {file.state for file in files_come(switched_on.company)} == {"waiting"}
    assert {file.state for file in files_come(switched_on.company)} == {"stored"}


def _connection() -> dict[str, Any]:
    found = connection.settings_dict
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return {ours: found[theirs] for ours, theirs in names.items() if found[theirs]}


def test_a_worker_that_lost_its_row_stores_nothing(switched_on: ProcoreIntegration, procore: ProcoreEmulator) -> None:
    approved_with_a_file(switched_on, procore)
    file = the_file()
    ProcoreAttachment.objects.filter(pk=file.pk).update(attempt=file.attempt + 1)
    attaching.work(file)
    assert the_file().state == "waiting"
    assert not Attachment.objects.exists()
