"""What people and programs do with subcontractor invoices: create, edit, change the status, delete, attach.

Procore: approval is an ordinary update and is not final; a record with an origin_id is locked (2.3, 2.7, 6.2).
Every action is one transaction: record, change history, ledger line and the webhook events stand or fall together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from emulators.procore.amounts import ZERO, Entry, money
from emulators.procore.event_bodies import Happening
from emulators.procore.files import type_of
from emulators.procore.invoice_rows import InvoiceRows
from emulators.procore.records import STATUSES, Invoice
from emulators.procore.storage import Storage
from emulators.shared.clock import Clock
from emulators.shared.switches import Switches

HEADER_FIELDS = (
    "billing_date",
    "requisition_start",
    "requisition_end",
    "payment_date",
    "submitted_at",
    "final",
    "origin_data",
    "comment",
)


class Refused(Exception):
    """A business rule says no; `field` names the culprit."""

    def __init__(self, message: str, field: str = "base") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Actor:
    """Who acts: a person in the web pages, or an application on behalf of a user."""

    user_id: int
    application_id: str | None = None


class Invoicing:
    """All changes of invoices go through here."""

    def __init__(
        self,
        storage: Storage,
        rows: InvoiceRows,
        switches: Switches,
        clock: Clock,
        announce: Callable[[Happening], None],
    ) -> None:
        self.storage = storage
        self.ledger = storage.ledger
        self.rows = rows
        self.switches = switches
        self.clock = clock
        self._announce = announce

    def need(self, invoice_id: int) -> Invoice:
        invoice = self.rows.find(invoice_id)
        if invoice is None:
            raise KeyError(f"there is no invoice {invoice_id}")
        return invoice

    def create(self, commitment_id: int, wanted: Mapping[str, Any], actor: Actor, *, emit: bool = True) -> Invoice:
        """A new invoice on a commitment; `wanted` has header fields and perhaps `items` (wire names)."""
        with self.ledger.writing():
            commitment = self.storage.need("commitment", commitment_id)
            chain = self.rows.of_commitment(commitment_id)
            period = self._period(commitment["project_id"], wanted.get("period_id"))
            now = self.clock.stamp()
            number = chain[-1].number + 1 if chain else 1
            status = self._status(wanted.get("status", "draft"))
            invoice = Invoice(
                id=self.storage.new_id(),
                company_id=commitment["company_id"],
                project_id=commitment["project_id"],
                commitment_id=commitment_id,
                vendor_id=commitment["vendor_id"],
                number=number,
                status=status,
                invoice_number=str(wanted.get("invoice_number") or f"{commitment['number']}-{number:02d}"),
                period_id=period["id"],
                created_at=now,
                updated_at=now,
                origin_id=self._free_origin_id(commitment["company_id"], wanted.get("origin_id"), None),
                created_by=actor.user_id,
                approved_at=now if status == "approved" else None,
                basis={
                    "billing_date": period["end_date"],
                    "requisition_start": period["start_date"],
                    "requisition_end": period["end_date"],
                    "submitted_at": None if status == "draft" else self.clock.today(),
                    "retainage_percent": str(wanted.get("retainage_percent", commitment["retainage_percent"])),
                },
            )
            self._take_header(invoice, wanted)
            invoice.entries = self._carried_entries(commitment, chain, invoice)
            self._take_items(invoice, wanted.get("items") or [], by="line_item_id")
            self.rows.insert(invoice)
            if status != "draft":
                self._remember(invoice, "status", "draft", status, actor)
            self.ledger.append("invoice_created", invoice.id, {**_facts(invoice), "by": actor.user_id})
            if emit:
                self.tell(invoice, "create", actor)
            return invoice

    def edit(
        self, invoice_id: int, wanted: Mapping[str, Any], actor: Actor, *, emit: bool = True, touch: bool = True
    ) -> Invoice:
        """Change header fields, items (by item id) and the status; sums of this and later invoices follow."""
        with self.ledger.writing():
            invoice = self.need(invoice_id)
            self._refuse_if_locked(invoice, wanted)
            before = replace(invoice, basis=dict(invoice.basis), entries=list(invoice.entries))
            if "origin_id" in wanted:
                invoice.origin_id = self._free_origin_id(invoice.company_id, wanted["origin_id"], invoice.id)
            if wanted.get("invoice_number") is not None:
                invoice.invoice_number = str(wanted["invoice_number"])
            if wanted.get("period_id") is not None:
                invoice.period_id = self._period(invoice.project_id, wanted["period_id"])["id"]
            self._take_header(invoice, wanted)
            self._take_items(invoice, wanted.get("items") or [], by="id")
            if wanted.get("status") is not None:
                self._set_status(invoice, self._status(wanted["status"]), actor, self.clock.stamp())
            self._remember_differences(before, invoice, actor)
            self.store(invoice, actor, lines_only=bool(set(wanted) == {"items"}), emit=emit, touch=touch)
            return invoice

    def set_status(
        self,
        invoice_id: int,
        status: str,
        actor: Actor,
        *,
        at: str | None = None,
        emit: bool = True,
        touch: bool = True,
    ) -> Invoice:
        """Approve, send back, un-approve: any status may follow any other (reference 2.3)."""
        with self.ledger.writing():
            invoice = self.need(invoice_id)
            moment = at or self.clock.stamp()
            self._set_status(invoice, self._status(status), actor, moment)
            self.store(invoice, actor, at=moment, amounts=False, emit=emit, touch=touch)
            return invoice

    def set_status_of_many(
        self, invoice_ids: Sequence[int], status: str, actor: Actor, *, emit: bool = True, touch: bool = True
    ) -> list[Invoice]:
        """The bulk action of the invoicing tool; how many events it sends is not documented (reference 8, 2)."""
        manner = self.switches["bulk_approval_events"] if emit else "none"
        with self.ledger.writing():
            return [
                self.set_status(
                    invoice_id,
                    status,
                    actor,
                    emit=manner == "each" or (manner == "first" and place == 0),
                    touch=touch,
                )
                for place, invoice_id in enumerate(invoice_ids)
            ]

    def delete(self, invoice_id: int, actor: Actor, *, emit: bool = True) -> None:
        with self.ledger.writing():
            invoice = self.need(invoice_id)
            if invoice.origin_id:
                raise Refused("is not editable because it is synced with ERP")
            self.rows.delete(invoice_id)
            if not invoice.verbatim:
                self.rows.save_chain(invoice.commitment_id, None, from_number=invoice.number)
            self.ledger.append("invoice_deleted", invoice_id, {**_facts(invoice), "by": actor.user_id})
            if emit:
                self.tell(invoice, "delete", actor)

    def attach(self, invoice_id: int, filename: str, actor: Actor, *, emit: bool = True) -> int:
        """Add a PDF; whether that touches the invoice is not documented (reference 8, 24)."""
        with self.ledger.writing():
            invoice = self.need(invoice_id)
            attachment_id = self.add_file(invoice_id, filename, f"Invoice {invoice.invoice_number}")
            if self.switches["attachment_touches_updated_at"]:
                invoice.updated_at = self.clock.stamp()
            self.rows.save_chain(invoice.commitment_id, invoice, from_number=invoice.number)
            self.ledger.append("attachment_added", invoice_id, {"attachment_id": attachment_id, "filename": filename})
            if emit and self.switches["attachment_emits_event"]:
                self.tell(invoice, "update", actor)
            return attachment_id

    def add_file(self, holder_id: int, filename: str, title: str) -> int:
        """Store a file of an invoice or a direct cost; ids are unique over both."""
        attachment_id = self.storage.new_id()
        self.ledger.execute(
            "INSERT INTO attachment (id, invoice_id, filename, content_type, title) VALUES (?, ?, ?, ?, ?)",
            (attachment_id, holder_id, filename, type_of(filename), title),
        )
        return attachment_id

    def store(
        self,
        invoice: Invoice,
        actor: Actor,
        *,
        at: str | None = None,
        lines_only: bool = False,
        amounts: bool = True,
        emit: bool = True,
        touch: bool = True,
    ) -> None:
        """Write a changed invoice, recompute the later ones and tell the hooks."""
        if touch and (not lines_only or self.switches["line_edit_touches_updated_at"]):
            invoice.updated_at = at or self.clock.stamp()
        if invoice.verbatim:
            self._store_verbatim(invoice)
        elif not amounts:
            self.rows.save_alone(invoice)
        else:
            self.rows.save_chain(invoice.commitment_id, invoice, from_number=invoice.number)
        self.ledger.append("invoice_edited", invoice.id, {**_facts(invoice), "by": actor.user_id})
        if emit:
            self.tell(invoice, "update", actor)
        if emit and amounts and self.switches["edit_touches_later_invoices"]:
            self._touch_later(invoice, actor)

    def tell(self, invoice: Invoice, event_type: str, actor: Actor) -> None:
        """Procore: subcontractor invoices are called Draw Requests in webhooks (reference 1.4)."""
        self._announce(
            Happening(
                resource_name=self.switches["draw_requests_name"],
                event_type=event_type,
                resource_id=invoice.id,
                company_id=invoice.company_id,
                project_id=invoice.project_id,
                user_id=actor.user_id,
                application_id=actor.application_id,
            )
        )

    def _touch_later(self, invoice: Invoice, actor: Actor) -> None:
        for later in self.rows.of_commitment(invoice.commitment_id):
            if later.number > invoice.number:
                later.updated_at = invoice.updated_at
                self.rows.save_chain(later.commitment_id, later, from_number=later.number)
                self.tell(later, "update", actor)

    def _store_verbatim(self, invoice: Invoice) -> None:
        header = json.loads(self.ledger.value("SELECT header FROM invoice WHERE id = ?", (invoice.id,)))
        header.update(status=invoice.status, updated_at=invoice.updated_at)
        if "origin_id" in header:
            header["origin_id"] = invoice.origin_id
        self.rows.change_verbatim(invoice, header)

    def _set_status(self, invoice: Invoice, status: str, actor: Actor, at: str) -> None:
        if invoice.status == status:
            return
        self._remember(invoice, "status", invoice.status, status, actor, at=at)
        kind = "invoice_approved" if status == "approved" else "invoice_status_changed"
        self.ledger.append(kind, invoice.id, {"from": invoice.status, "to": status, "by": actor.user_id, "at": at})
        invoice.status = status
        invoice.approved_at = at if status == "approved" else None
        if status != "draft" and not invoice.basis.get("submitted_at"):
            invoice.basis["submitted_at"] = at[:10]

    def _status(self, status: object) -> str:
        if status not in STATUSES:
            raise Refused("is not included in the list", "status")
        return str(status)

    def _period(self, project_id: int, period_id: object) -> dict[str, Any]:
        """The named billing period, or the open one; without either Procore refuses (reference 8, 14)."""
        periods = self.storage.every("period", project_id=project_id)
        if period_id is not None:
            for period in periods:
                if str(period["id"]) == str(period_id):
                    if period["status"] == "closed" and self.switches["closed_period_refuses_invoices"]:
                        raise Refused("is closed", "period_id")
                    return period
            raise Refused("is not a billing period of this project", "period_id")
        open_periods = [period for period in periods if period["status"] == "open"]
        if open_periods:
            return open_periods[-1]
        raise Refused("can't be blank: the project has no open billing period", "period_id")

    def _carried_entries(
        self, commitment: Mapping[str, Any], chain: Sequence[Invoice], invoice: Invoice
    ) -> list[Entry]:
        """One line per line of the contract, with stored materials as the last invoice left them."""
        last = chain[-1] if chain else None
        entries = []
        for line in commitment["lines"]:
            earlier = None if last is None else last.line(line["id"])
            entries.append(
                Entry(
                    item_id=self.storage.new_id(),
                    line_item_id=line["id"],
                    materials=ZERO if earlier is None else earlier.materials,
                    percent=money(invoice.basis["retainage_percent"]),
                )
            )
        return entries

    def _take_header(self, invoice: Invoice, wanted: Mapping[str, Any]) -> None:
        for name in HEADER_FIELDS:
            if name in wanted:
                invoice.basis[name] = wanted[name]
        for name in ("tax", "currency", "currency_exchange_rate", "override_summary", "override_items", "workflow"):
            if name in wanted:
                invoice.basis[name] = wanted[name]

    def _take_items(self, invoice: Invoice, items: Sequence[Mapping[str, Any]], *, by: str) -> None:
        before = self.rows.before(invoice) if items else None
        places = {_key(entry, by): place for place, entry in enumerate(invoice.entries)}
        for item in items:
            place = places.get(str(item.get(by)))
            if place is None or before is None:
                raise Refused(f"{by} {item.get(by)} does not belong to this invoice", "items")
            entry = invoice.entries[place]
            invoice.entries[place] = _typed(entry, item, before.line(entry.line_item_id).materials_retainage)

    def _refuse_if_locked(self, invoice: Invoice, wanted: Mapping[str, Any]) -> None:
        if invoice.origin_id and set(wanted) - {"origin_id", "origin_data", "payment_date"}:
            raise Refused("is not editable because it is synced with ERP")
        if "status" in wanted and invoice.basis.get("workflow") and wanted["status"] != invoice.status:
            raise Refused("cannot be changed while a workflow is attached", "status")

    def _free_origin_id(self, company_id: int, origin_id: object, invoice_id: int | None) -> str | None:
        """Procore: origin_id is unique in the company (reference 2.7)."""
        if origin_id in (None, ""):
            return None
        taken = self.ledger.value(
            "SELECT id FROM invoice WHERE company_id = ? AND origin_id = ? AND deleted = 0",
            (company_id, str(origin_id)),
        )
        if taken is not None and taken != invoice_id:
            raise Refused("has already been taken", "origin_id")
        return str(origin_id)

    def _remember_differences(self, before: Invoice, after: Invoice, actor: Actor) -> None:
        pairs: list[tuple[str, Any, Any]] = [("invoice_number", before.invoice_number, after.invoice_number)]
        pairs += [(name, before.basis.get(name), after.basis.get(name)) for name in HEADER_FIELDS[:4]]
        for name, old, new in pairs:
            if old != new:
                self._remember(after, name, old, new, actor)

    def _remember(
        self, invoice: Invoice, field: str, old: object, new: object, actor: Actor, *, at: str | None = None
    ) -> None:
        self.ledger.execute(
            "INSERT INTO history (id, invoice_id, field, old_value, new_value, user_id, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self.storage.new_id(), invoice.id, field, old, new, actor.user_id, at or self.clock.stamp()),
        )


def _key(entry: Entry, by: str) -> str:
    return str(entry.item_id if by == "id" else entry.line_item_id)


def _typed(entry: Entry, item: Mapping[str, Any], materials_retainage_before: Decimal) -> Entry:
    """A line after somebody typed into it; retainage follows the percentage unless it was typed too."""
    percent = money(item.get("work_completed_retainage_percent_this_period", entry.percent))
    work = money(item.get("work_completed_this_period", entry.work))
    materials = money(item.get("materials_presently_stored", entry.materials))
    work_retained = entry.work_retained
    if work != entry.work or percent != entry.percent:
        work_retained = money(work * percent / 100)
    materials_retained = entry.materials_retained
    if materials != entry.materials or percent != entry.percent:
        materials_retained = money(materials * percent / 100) - materials_retainage_before
    if "work_completed_retainage_retained_this_period" in item:
        work_retained = money(item["work_completed_retainage_retained_this_period"])
    if "materials_stored_retainage_currently_retained" in item:
        materials_retained = (
            money(item["materials_stored_retainage_currently_retained"])
            - materials_retainage_before
            + entry.materials_released
        )
    return replace(
        entry,
        work=work,
        materials=materials,
        percent=percent,
        work_retained=work_retained,
        materials_retained=materials_retained,
        work_released=money(item.get("work_completed_retainage_released_this_period", entry.work_released)),
        materials_released=money(item.get("materials_stored_retainage_released_this_period", entry.materials_released)),
        status=str(item.get("status", entry.status)),
        comment=str(item.get("comment", entry.comment) or ""),
    )


def _facts(invoice: Invoice) -> dict[str, Any]:
    return {
        "project_id": invoice.project_id,
        "invoice_number": invoice.invoice_number,
        "number": invoice.number,
        "status": invoice.status,
    }
