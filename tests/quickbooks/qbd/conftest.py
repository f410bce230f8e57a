"""A company whose QuickBooks Desktop stands on the emulated PC, called through the real door on a real socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from accounting import configuring, lists
from accounting.models import Bill, Integration, ListEntry
from companies.models import Company, User
from invoices.models import Invoice
from qbd import connecting
from qbd.models import Connection, Session
from tests.quickbooks.accounting import given
from tests.support import company_files, work
from tests.support.desktop import DesktopEmulator, Facts


@dataclass
class Pc:
    """The company's Web Connector, and what it can be made to do."""

    desktop: DesktopEmulator
    connection: Connection
    app: str

    @property
    def integration(self) -> Integration:
        return Integration.objects.get(pk=self.connection.integration_id)

    def call(self) -> Facts:
        """One whole session, and the workers after it."""
        report = self.desktop.update(self.app)
        given.post(self.connection.company)
        return report

    def posted(self, company: Company, *invoices: Invoice) -> list[Bill]:
        """Released, looked at by the workers, and then the Web Connector calls."""
        for invoice in invoices:
            given.posted(company, invoice)
        self.call()
        return [Bill.objects.get(invoice=invoice) for invoice in invoices]

    def look_again(self) -> Facts:
        """A session in which it is time to see what is new in the books."""
        Integration.objects.filter(pk=self.connection.integration_id).update(next_at=Now())
        return self.call()

    def session(self) -> Session:
        found = Session.objects.filter(connection=self.connection).order_by("-id").first()
        assert found is not None
        return found


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def client(admin: User, as_user: Any) -> Client:
    signed_in: Client = as_user(admin)
    return signed_in


@pytest.fixture
def main(company: Company, admin: User) -> Connection:
    """A company file as rows, without a PC."""
    return company_files.add(company, admin)


@pytest.fixture
def second(company: Company, admin: User, main: Connection) -> Connection:
    return company_files.add(company, admin, "Joint venture")


@pytest.fixture
def pc(
    transactional_db: None, live_server: Any, settings: Any, desktop: DesktopEmulator, company: Company, admin: User
) -> Pc:
    """Connected, its lists read in a first session, and set up."""
    settings.PUBLIC_URL = live_server.url
    settings.QBO_QUARANTINE_SECONDS = settings.QBD_BUSY_SECONDS = 0
    connection, password = connecting.add(company, "Northgate Builders", user=admin)
    qwc = connecting.file_for_pc(connection)
    app = str(desktop.add_application(qwc.decode(), password)["name"])
    made = Pc(desktop, connection, app)
    made.call()
    set_up(made.integration, admin)
    made.connection.refresh_from_db()
    return made


def set_up(integration: Integration, user: User) -> None:
    found = {entry.name: entry for entry in lists.accounts(integration)}
    payable = lists.accounts(integration, "AccountsPayable").first()
    assert payable is not None, found
    expense = next(entry for name, entry in found.items() if "Subcontract" in name or "Job" in name)
    retention = next(entry for name, entry in found.items() if "Retain" in name or "Retention" in name)
    configuring.save(
        integration,
        ap_account=payable,
        expense_account=expense,
        retainage_account=retention,
        creates_vendors=True,
        user=user,
    )
    assert ListEntry.objects.filter(integration=integration, kind=ListEntry.Kind.VENDOR).exists()
