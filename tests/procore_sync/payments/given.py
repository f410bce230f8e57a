"""A bill that is paid, and how the work on it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from accounting.models import Bill, Integration
from accounting.tasks import follow_due
from companies.models import User
from invoices.models import Invoice
from procore_sync import payments
from procore_sync.models import ContractPayment, ProcoreIntegration
from procore_sync.tasks import tell_due
from tests.support import work
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

LABEL = "Tell Procore when a bill is paid"
SETTING = "/settings/procore/payments/"
PAYMENTS = "/rest/v1.0/contract_payments"
CREATE = {"method": "POST", "path": PAYMENTS}
TAKE_BACK = {"method": "DELETE", "path": PAYMENTS}
LATER = 600


@dataclass
class Paid:
    """A subcontractor invoice of Procore's whose bill is in QuickBooks, and how the work goes on."""

    procore: ProcoreEmulator
    intuit: IntuitEmulator
    integration: ProcoreIntegration
    record: Mapping[str, Any]
    invoice: Invoice

    @property
    def bill(self) -> Bill:
        return Bill.objects.get(invoice=self.invoice)

    def pay(self, amount: str = "", **more: Any) -> str:
        return str(self.intuit.pay(self.bill.external_id, amount, **more)["payment_id"])

    def look(self) -> None:
        """The books are followed, and what they showed is noted and told."""
        Integration.objects.update(next_at=timezone.now())
        follow_due(company_id=self.integration.company_id)
        tell_due(company_id=self.integration.company_id)

    def go_on(self, turns: int = 3) -> None:
        """The time of whatever waits has come."""
        for _ in range(turns):
            work.forget_pacing()
            ContractPayment.objects.filter(next_at__isnull=False).update(next_at=timezone.now(), lease_until=None)
            tell_due(company_id=self.integration.company_id)

    def there(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.procore.get("objects/payment")
        return found

    def made(self) -> int:
        """How often Procore made one, whatever became of it."""
        return len([event for event in self.procore.get("events", limit=10000) if event["kind"] == "payment_create"])

    def row(self) -> ContractPayment:
        return ContractPayment.objects.get()

    def wants(self, wanted: bool, user: User) -> None:
        payments.set_to(self.integration, wanted, user=user)
        self.integration.refresh_from_db()
