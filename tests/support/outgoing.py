"""An invoice made in inBuild and a project of Procore's it can go to, with commitments that nobody has billed yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from companies.models import User
from invoices import recording
from invoices.models import Invoice, Project, Vendor
from procore_sync import sending
from procore_sync.commitments import Commitment
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, SentInvoice
from tests.support import connected, work
from tests.support.emulated import CLIENT_ID, ProcoreEmulator

WORK, HELD = Decimal("1000.10"), Decimal("100.01")


@dataclass
class Outgoing:
    """What a test needs to send invoices: `procore` and `integration` of one company, and its clean project."""

    procore: ProcoreEmulator
    integration: ProcoreIntegration
    project: Project
    contracts: list[Mapping[str, Any]]
    user: User

    @property
    def contract(self) -> Mapping[str, Any]:
        return self.contracts[0]

    def invoice(self, number: str = "IB-100", *, lines: tuple[recording.NewLine, ...] | None = None) -> Invoice:
        """Made in inBuild, for the vendor of the first commitment, on that one's first line unless told otherwise."""
        lines = lines or (self.line(WORK, -HELD),)
        gross = sum((line.gross for line in lines), Decimal(0))
        retainage = sum((line.retainage for line in lines), Decimal(0))
        new = recording.NewInvoice(
            vendor_name=self.vendor_name,
            number=number,
            invoice_date=date(2026, 11, 1),
            currency="USD",
            gross=gross,
            retainage=retainage,
            amount_due=gross + retainage,
            lines=lines,
        )
        pdf = SimpleUploadedFile("invoice.pdf", b"%PDF-1.4 it", content_type="application/pdf")
        return recording.record_upload(self.integration.company, new, project=self.project, pdf=pdf, user=self.user)

    def line(self, gross: Decimal, retainage: Decimal = Decimal(0)) -> recording.NewLine:
        """One that belongs to the first line of the commitment."""
        theirs = self.contract["lines"][0]
        return recording.NewLine(theirs["description"], gross, retainage, theirs["wbs_code"]["flat_code"])

    @property
    def vendor_name(self) -> str:
        [vendor] = [one for one in self.procore.get("objects/vendor") if one["id"] == self.contract["vendor_id"]]
        return str(vendor["name"])

    def choose(self, invoice: Invoice) -> Commitment:
        found = sending.choices(invoice)
        return next(one for one in found if one.procore_id == self.contract["id"])

    def ask(self, invoice: Invoice | None = None) -> SentInvoice:
        """Press *Send to Procore*; nothing leaves before a worker takes it."""
        invoice = invoice or self.invoice()
        return sending.send(invoice, self.choose(invoice), user=self.user)

    def send(self, invoice: Invoice | None = None) -> SentInvoice:
        """Press it, and let the workers do what they can."""
        return self.go_on(self.ask(invoice))

    def go_on(self, sent: SentInvoice) -> SentInvoice:
        """The time of whatever waits has come."""
        work.forget_pacing()
        now = timezone.now()
        SentInvoice.objects.filter(next_at__isnull=False).update(next_at=now, lease_until=None)
        ProcoreInvoice.objects.filter(next_at__isnull=False).update(next_at=now)
        work.drain(self.integration.company, turns=4)
        sent.refresh_from_db()
        return sent

    def there(self) -> list[Mapping[str, Any]]:
        """What stands on the commitment, by Procore's own ledger."""
        return self.procore.invoices(commitment_id=self.contract["id"])

    def heard_of(self, record: Mapping[str, Any]) -> ProcoreInvoice:
        """What a webhook about this record does, and all the work that follows."""
        row = ProcoreInvoice.hint(
            self.integration,
            kind="subcontractor_invoice",
            procore_id=int(record["id"]),
            project_id=int(record["project_id"]),
        )
        work.drain(self.integration.company, turns=4)
        row.refresh_from_db()
        return row


def prepared(procore: ProcoreEmulator, company: Any, user: User) -> Outgoing:
    """A new project in Procore with two commitments, connected, known in inBuild, and the setting turned on."""
    # By itself Procore's emulator would refuse a second one, and so hide that we sent twice.
    procore.switches(open_invoice_refuses_next=False)
    made = procore.post("projects", {"commitments": 2, "quiet": True})
    procore.patch(f"clients/{CLIENT_ID}", {"permitted_projects": [made["id"]]})
    integration = connected.procore(company, user)
    contracts = [
        contract
        for contract in procore.get("objects/commitment", project_id=made["id"])
        if contract["id"] in made["commitment_ids"]
    ]
    project = Project.objects.get(company=company, procore_id=made["id"])
    sending.set_to(integration, True, user=user)
    integration.refresh_from_db()
    outgoing = Outgoing(procore, integration, project, contracts, user)
    Vendor.objects.create(company=company, name=outgoing.vendor_name)
    return outgoing
