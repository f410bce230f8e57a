"""How a bill comes to each problem of the catalogue: by what the emulator does, as far as it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounting import changing, linking, mapping, posting, preflight, setting_aside, unlinking
from accounting.backends import backend_for
from accounting.models import Bill, BillChange, Integration, ListEntry
from accounting.tasks import follow_due
from companies.models import Company, User
from invoices import recording
from invoices.models import Invoice
from qbo import connecting, document
from tests.quickbooks.qbo.test_backend import again, approved, by_hand, doubtful, posted
from tests.quickbooks.qbo.test_restoring import forget, restore
from tests.support import connected
from tests.support.emulated import OTHER_REALM, REALM, IntuitEmulator

CREATE = {"method": "POST", "path": "/bill\\?"}


@dataclass
class Scene:
    """A company with its books, an accountant and an admin."""

    company: Company
    integration: Integration
    intuit: IntuitEmulator
    admin: User
    settings: Any
    monkeypatch: pytest.MonkeyPatch

    def post(self, number: str = "INV-1", **more: Any) -> Bill:
        return posted(self.company, approved(self.company, number, **more))

    def again(self, bill: Bill) -> Bill:
        """Its time has come once more."""
        past = timezone.now() - timedelta(seconds=1)
        Bill.objects.filter(pk=bill.pk).exclude(next_at=None).update(next_at=past)
        BillChange.objects.filter(bill=bill).exclude(next_at=None).update(next_at=past)
        return again(self.company, bill.invoice)

    def books(self, **switches: Any) -> None:
        self.intuit.switches(realm=REALM, **switches)

    def save(self, **facts: Any) -> None:
        Integration.objects.filter(pk=self.integration.pk).update(**facts)

    def wait_long(self) -> None:
        """What is in doubt stays so until its time is made to come."""
        self.settings.QBO_QUARANTINE_SECONDS = 600

    def typed_in(self, number: str, total: str = "77.00") -> None:
        self.intuit.post(f"lists/{REALM}/vendor", {"name": "Delta Steel"})
        self.intuit.typed_in(vendor="Delta Steel", doc_number=number, total=total, txn_date="2026-10-05")
        self.save(next_at=timezone.now() - timedelta(seconds=1))
        follow_due(company_id=self.company.pk)

    def linked(self) -> Bill:
        """A bill that somebody typed in, said by a person to be the invoice's."""
        self.typed_in("HAND-1")
        bill = posting.release(approved(self.company))
        assert linking.mark(bill, "HAND-1", user=self.admin) == []
        return Bill.objects.get(pk=bill.pk)

    def changed_there(self) -> Bill:
        """Posted, and given another total in QuickBooks, which has forgotten all request ids."""
        self.intuit.switches(requestid="ignored")
        bill = self.post()
        self.intuit.change(bill.external_id, total="800.00")
        return bill

    def to_delete(self) -> Bill:
        bill = self.post()
        changing.delete_from_books(bill, user=self.admin)
        return bill

    def unconfirmed_update(self) -> Bill:
        self.wait_long()
        bill = self.post()
        changing.update_in_books(bill, user=self.admin)
        self.intuit.fault("drop", **CREATE, times=1)
        return self.again(bill)


Produce = Callable[[Scene], Bill]
PRODUCED: dict[str, tuple[Produce, tuple[str, ...]]] = {}


def produces(code: str, *names: str) -> Callable[[Produce], Produce]:
    """How a bill comes to this problem, and what the sentence must call by its name."""

    def note(produce: Produce) -> Produce:
        PRODUCED[code] = (produce, names)
        return produce

    return note


@produces("possible_duplicate", "INV-7", "Delta Steel", "900.09")
def _twice_here(scene: Scene) -> Bill:
    scene.post("INV-7")
    return scene.post("inv 7")


@produces("duplicate_in_books", "INV-1", "Delta Steel", "77.00", "Oct 05, 2026")
def _typed_in_before(scene: Scene) -> Bill:
    scene.typed_in("INV-1")
    return scene.post()


@produces("held", "Admin")
def _held_by_a_person(scene: Scene) -> Bill:
    bill = posting.release(approved(scene.company))
    setting_aside.hold(bill, user=scene.admin)
    return bill


@produces("unlinked", "HAND-1")
def _linked_and_unlinked(scene: Scene) -> Bill:
    bill = scene.linked()
    unlinking.unlink(bill, user=scene.admin)
    return bill


@produces("unlinked_own", "INV-1")
def _made_here_and_unlinked(scene: Scene) -> Bill:
    bill = scene.post()
    unlinking.unlink(bill, user=scene.admin)
    return bill


@produces("in_quickbooks_already", "INV-1", "Delta Steel", "900.09")
def _ours_or_not(scene: Scene) -> Bill:
    scene.wait_long()
    return doubtful(scene.company, scene.intuit)


@produces("made_before_restore", "INV-1", "Delta Steel", "800.00")
def _imported_again(scene: Scene) -> Bill:
    bill = scene.changed_there()
    restore(bill, comes_again=True)
    return scene.again(bill)


@produces("changed_before_restore", "INV-1", "Delta Steel", "800.00")
def _changed_since_the_backup(scene: Scene) -> Bill:
    bill = scene.changed_there()
    restore(bill)
    return scene.again(bill)


@produces("after_restore")
def _just_restored(scene: Scene) -> Bill:
    scene.wait_long()
    bill = scene.post()
    forget(bill)
    call_command("after_restore")
    return scene.again(bill)


@produces("amounts", "900.10", "900.09")
def _does_not_add_up(scene: Scene) -> Bill:
    return scene.post(amount_due=Decimal("900.10"))


@produces("zero", "0.00")
def _nothing_due(scene: Scene) -> Bill:
    return scene.post(lines=(recording.NewLine("x", Decimal("10.00"), Decimal("-10.00")),))


@produces("negative", "-10.00")
def _less_than_nothing(scene: Scene) -> Bill:
    return scene.post(lines=(recording.NewLine("x", Decimal("-10.00")),))


@produces("positive_credit", "900.09")
def _a_credit_that_became_a_bill(scene: Scene) -> Bill:
    bill = _less_than_nothing(scene)
    posting.choose(bill, user=scene.admin, kind=Bill.Kind.VENDOR_CREDIT)
    owed = Decimal("900.09")
    new = recording.NewInvoice(
        vendor_name="Delta Steel",
        vendor_procore_id=bill.invoice.vendor.procore_id,
        number="INV-1",
        invoice_date=bill.invoice.invoice_date,
        currency="USD",
        gross=owed,
        retainage=Decimal(0),
        amount_due=owed,
        lines=(recording.NewLine("Steel", owed),),
    )
    recording.refresh_from_procore(bill.invoice, new)
    return scene.again(bill)


@produces("currency", "CAD", "USD")
def _other_currency(scene: Scene) -> Bill:
    return scene.post(currency="CAD")


@produces("vendor_currency", "Maple Supply", "CAD", "USD")
def _vendor_of_other_currency(scene: Scene) -> Bill:
    scene.books(multicurrency=True)
    scene.intuit.post(f"lists/{REALM}/vendor", {"name": "Maple Supply", "currency": "CAD"})
    return scene.post(vendor="Maple Supply")


@produces("period_closed", "Nov 01, 2026", "Nov 30, 2026")
def _closed_as_known(scene: Scene) -> Bill:
    scene.books(book_close_date="2026-11-30")
    preflight.check(scene.integration)
    return scene.post()


@produces("closed_period", "Nov 01, 2026")
def _closed_since(scene: Scene) -> Bill:
    scene.books(book_close_date="2026-11-30")
    return scene.post()


@produces("unmapped", "Unheard Of Ltd")
def _nobody_knows(scene: Scene) -> Bill:
    scene.save(creates_vendors=False)
    return scene.post(vendor="Unheard Of Ltd")


def _source(state: Invoice.SourceState) -> Produce:
    def produce(scene: Scene) -> Bill:
        invoice = approved(scene.company)
        invoice.observe_source(state)
        return posted(scene.company, invoice)

    return produce


produces("no_longer_approved")(_source(Invoice.SourceState.NO_LONGER_APPROVED))
produces("changed_in_procore")(_source(Invoice.SourceState.CHANGED))
produces("deleted_in_procore")(_source(Invoice.SourceState.DELETED))


@produces("setup")
def _no_payables(scene: Scene) -> Bill:
    scene.save(ap_account=None)
    return scene.post()


@produces("retainage_account", "100.01")
def _no_retainage(scene: Scene) -> Bill:
    scene.save(retainage_account=None)
    return scene.post()


@produces("not_connected")
def _disconnected(scene: Scene) -> Bill:
    connecting.disconnect(scene.integration, scene.admin)
    return scene.post()


@produces("reconnect")
def _revoked(scene: Scene) -> Bill:
    scene.intuit.post("revoke", {"realm": REALM})
    return scene.post()


@produces("other_books", "QuickBooks Online")
def _other_company(scene: Scene) -> Bill:
    bill = _paused(scene)
    connecting.disconnect(scene.integration, scene.admin)
    connected.quickbooks(scene.intuit, scene.company, scene.admin, OTHER_REALM)
    return scene.again(bill)


@produces("paused")
def _paused(scene: Scene) -> Bill:
    scene.save(paused=True)
    return scene.post()


@produces("no_answer")
def _unanswered(scene: Scene) -> Bill:
    scene.wait_long()
    scene.intuit.fault("drop_after_commit", **CREATE, times=1)
    return scene.post()


@produces("books_disconnected", "Northgate Builders, Inc.")
def _unanswered_and_disconnected(scene: Scene) -> Bill:
    bill = _unanswered(scene)
    connecting.disconnect(scene.integration, scene.admin)
    return scene.again(bill)


@produces("cannot_reach")
def _away(scene: Scene) -> Bill:
    scene.intuit.fault("503_html", path="/query")
    return scene.post(vendor="Unheard Of Ltd")


@produces("busy")
def _throttled(scene: Scene) -> Bill:
    scene.intuit.fault("429", path="/query", times=1)
    return scene.post(vendor="Unheard Of Ltd")


@produces("bill_number_taken", "INV-1")
def _number_taken(scene: Scene) -> Bill:
    scene.intuit.post("bills", by_hand(scene.intuit, "INV-1"))
    scene.books(warn_duplicate_bill_number=True)
    return scene.post(vendor=scene.intuit.get("ledger", realm=REALM)["vendors"][0]["display_name"])


@produces("inactive", "Delta Steel")
def _inactive_since(scene: Scene) -> Bill:
    scene.post()
    scene.intuit.change_entry("vendor", scene.intuit.entry("vendor", "Delta Steel")["id"], active=False)
    return scene.post("INV-2")


@produces("reference", "Delta Steel")
def _merged_since(scene: Scene) -> Bill:
    scene.post()
    one, other = scene.intuit.entry("vendor", "Delta Steel"), scene.intuit.entries("vendor")[0]
    scene.intuit.post(f"lists/{REALM}/vendor/{one['id']}/merge", {"into": other["id"]})
    return scene.post("INV-2")


@produces("vendor_name_taken", "Harbor Homes")
def _a_customer_of_that_name(scene: Scene) -> Bill:
    scene.intuit.post(f"lists/{REALM}/customer", {"name": "Harbor Homes"})
    return scene.post(vendor="Harbor Homes")


@produces("subscription")
def _not_paid_for(scene: Scene) -> Bill:
    scene.books(company_status="6190")
    return scene.post()


@produces("not_in_plan", "Class tracking per line")
def _classes_switched_off_meanwhile(scene: Scene) -> Bill:
    scene.books(class_tracking="off", class_ref_when_off="5020")
    invoice = approved(scene.company, project_name="Riverside", project_procore_id=7)
    assert invoice.project
    scene.intuit.post(f"lists/{REALM}/class", {"name": "West"})
    backend_for(scene.integration).refresh_lists(scene.integration)
    entry = ListEntry.objects.get(integration=scene.integration, kind="class", name="West")
    mapping.choose(scene.integration, invoice.project, entry, user=scene.admin)
    scene.save(class_tracking="line", class_use="optional")
    return posted(scene.company, invoice)


@produces("refused", "A transaction may have at most 1 lines.")
def _refused(scene: Scene) -> Bill:
    scene.intuit.switches(max_lines=1)
    return scene.post()


@produces("deleted_from_books", "INV-1", "Admin")
def _deleted(scene: Scene) -> Bill:
    return scene.again(scene.to_delete())


@produces("paid_in_books", "400.00")
def _paid_meanwhile(scene: Scene) -> Bill:
    bill = scene.to_delete()
    scene.intuit.pay(bill.external_id, "400.00")
    return scene.again(bill)


@produces("closed_for_change", "Nov 01, 2026", "Nov 30, 2026")
def _closed_meanwhile(scene: Scene) -> Bill:
    bill = scene.to_delete()
    scene.books(book_close_date="2026-11-30")
    return scene.again(bill)


@produces("not_made_here")
def _delete_what_is_linked(scene: Scene) -> Bill:
    bill = scene.linked()
    changing.delete_from_books(bill, user=scene.admin)
    return scene.again(bill)


@produces("gone_from_books")
def _gone_meanwhile(scene: Scene) -> Bill:
    bill = scene.post()
    changing.update_in_books(bill, user=scene.admin)
    scene.intuit.remove(bill.external_id)
    return scene.again(bill)


@produces("change_in_doubt")
def _update_unanswered(scene: Scene) -> Bill:
    return scene.unconfirmed_update()


@produces("changed_in_books")
def _edited_meanwhile(scene: Scene) -> Bill:
    bill = scene.unconfirmed_update()
    scene.intuit.change(bill.external_id, total="901.00")
    return scene.again(bill)


@produces("bug")
def _our_own_bug(scene: Scene) -> Bill:
    """No service brings this about: the one thing here that is put into our code."""

    def broken(*_: object) -> bytes:
        raise RuntimeError("planted by the test")

    scene.monkeypatch.setattr(document, "build", broken)
    return scene.post()


# Entries that no emulator can bring about, each with the reason.
# Of QuickBooks Desktop alone: tests/quickbooks/qbd has the answers (test_statuses.py) and what the PC makes of them.
NOT_PRODUCED: dict[str, str] = dict.fromkeys(
    (
        *("in_use", "in_use_for_long", "entry_gone", "feature_off", "user_not_allowed", "app_not_allowed", "malformed"),
        *("waits_for_pc", "which_file", "vendor_not_created"),
    ),
    "QuickBooks Desktop",
)
