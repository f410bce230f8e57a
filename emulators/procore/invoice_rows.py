"""Reading and writing the rows of the invoice table, with the earlier versions of each record."""

from __future__ import annotations

import json
import sqlite3
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from emulators.procore.amounts import NOTHING_YET, Certificate, Entry, certify
from emulators.procore.records import Invoice, Surroundings, detail_of, header_of, items_of
from emulators.procore.storage import Storage
from emulators.shared.switches import Switches


class InvoiceRows:
    """Keeps invoices and works out their wire form."""

    def __init__(self, storage: Storage, switches: Switches, public_url: str) -> None:
        self.storage = storage
        self.ledger = storage.ledger
        self.switches = switches
        self.public_url = public_url

    def find(self, invoice_id: int) -> Invoice | None:
        row = self.ledger.one("SELECT * FROM invoice WHERE id = ? AND deleted = 0", (invoice_id,))
        return None if row is None else _invoice(row)

    def of_commitment(self, commitment_id: int) -> list[Invoice]:
        """All invoices of a commitment, first to last."""
        rows = self.ledger.query(
            "SELECT * FROM invoice WHERE commitment_id = ? AND deleted = 0 AND verbatim = 0 ORDER BY number",
            (commitment_id,),
        )
        return [_invoice(row) for row in rows]

    def before(self, invoice: Invoice) -> Certificate:
        """The state of the commitment before this invoice."""
        state = NOTHING_YET
        for earlier in self.of_commitment(invoice.commitment_id):
            if earlier.number < invoice.number:
                state = certify(state, earlier.entries)
        return state

    def save_alone(self, invoice: Invoice) -> None:
        """Store an invoice whose amounts did not change, so that later ones stay as they are."""
        before, previous = NOTHING_YET, None
        for earlier in self.of_commitment(invoice.commitment_id):
            if earlier.number >= invoice.number:
                break
            before, previous = certify(before, earlier.entries), earlier.id
        self._update(invoice, before, previous)

    def save_chain(self, commitment_id: int, changed: Invoice | None, *, from_number: int = 0) -> None:
        """Store the changed invoice and compute it and all later ones of the commitment anew."""
        state, previous = NOTHING_YET, None
        for invoice in self.of_commitment(commitment_id):
            current = changed if changed is not None and invoice.id == changed.id else invoice
            if current.number >= from_number:
                self._update(current, state, previous)
            state, previous = certify(state, current.entries), current.id

    def insert(self, invoice: Invoice) -> None:
        """Store a new, latest invoice of its commitment."""
        chain = self.of_commitment(invoice.commitment_id)
        state = NOTHING_YET
        for earlier in chain:
            state = certify(state, earlier.entries)
        self.insert_after(invoice, state, chain[-1].id if chain else None)

    def insert_after(self, invoice: Invoice, before: Certificate, previous_id: int | None) -> None:
        """Store a new invoice whose predecessor is known (seeding uses this to stay fast)."""
        header, items, detail = self._rendered(invoice, before, previous_id)
        self._write(invoice, header, items, detail)

    def insert_verbatim(self, invoice: Invoice, header: dict[str, Any], items: Any, detail: Any) -> None:
        self._write(invoice, header, items, detail)

    def change_verbatim(self, invoice: Invoice, header: dict[str, Any]) -> None:
        """Store new header values of an imported record without computing anything."""
        self._keep_version(invoice.id)
        self.ledger.execute(
            "UPDATE invoice SET status = ?, invoice_number = ?, updated_at = ?, origin_id = ?, approved_at = ?,"
            " header = ?, version = version + 1 WHERE id = ?",
            (
                invoice.status,
                invoice.invoice_number,
                invoice.updated_at,
                invoice.origin_id,
                invoice.approved_at,
                json.dumps(header),
                invoice.id,
            ),
        )

    def delete(self, invoice_id: int) -> None:
        self._keep_version(invoice_id)
        self.ledger.execute("UPDATE invoice SET deleted = 1, version = version + 1 WHERE id = ?", (invoice_id,))

    def compute_everything_anew(self) -> None:
        """After a switch that is worked into the stored amounts."""
        with self.ledger.writing():
            for row in self.ledger.query("SELECT DISTINCT commitment_id FROM invoice WHERE verbatim = 0"):
                self.save_chain(row["commitment_id"], None)

    def _update(self, invoice: Invoice, before: Certificate, previous_id: int | None) -> None:
        header, items, detail = map(json.dumps, self._rendered(invoice, before, previous_id))
        basis = _basis(invoice)
        stored = self.ledger.one("SELECT basis, header, items, detail FROM invoice WHERE id = ?", (invoice.id,))
        if stored is not None and tuple(stored) == (basis, header, items, detail):
            return
        self._keep_version(invoice.id)
        self.ledger.execute(
            "UPDATE invoice SET status = ?, invoice_number = ?, period_id = ?, updated_at = ?, origin_id = ?,"
            " approved_at = ?, basis = ?, header = ?, items = ?, detail = ?, version = version + 1 WHERE id = ?",
            (
                invoice.status,
                invoice.invoice_number,
                invoice.period_id,
                invoice.updated_at,
                invoice.origin_id,
                invoice.approved_at,
                basis,
                header,
                items,
                detail,
                invoice.id,
            ),
        )

    def _keep_version(self, invoice_id: int) -> None:
        self.ledger.execute(
            "INSERT OR REPLACE INTO invoice_version (invoice_id, version, header, items, detail)"
            " SELECT id, version, header, items, detail FROM invoice WHERE id = ?",
            (invoice_id,),
        )

    def _rendered(self, invoice: Invoice, before: Certificate, previous_id: int | None) -> tuple[Any, Any, Any]:
        around = self._around(invoice, previous_id)
        items = items_of(invoice, before, around)
        return header_of(invoice, before, around), items, detail_of(invoice, items, before, around)

    def _around(self, invoice: Invoice, previous_id: int | None) -> Surroundings:
        attachments = [
            {
                "id": row["id"],
                "url": f"{self.public_url}/rest/v1.0/prostore_files/{row['id']}/{quote(row['filename'])}",
                "filename": row["filename"],
                "content_type": row["content_type"],
            }
            for row in self.ledger.query("SELECT * FROM attachment WHERE invoice_id = ? ORDER BY id", (invoice.id,))
        ]
        need = self.storage.need
        return Surroundings(
            company=need("company", invoice.company_id),
            project=need("project", invoice.project_id),
            vendor=need("vendor", invoice.vendor_id),
            commitment=need("commitment", invoice.commitment_id),
            author=need("user", invoice.created_by),
            attachments=attachments,
            previous_id=previous_id,
            net_of_release=bool(self.switches["currently_retained_net"]),
            tax_on_top=bool(self.switches["tax_on_top"]),
        )

    def _write(self, invoice: Invoice, header: Any, items: Any, detail: Any) -> None:
        self.ledger.execute(
            "INSERT INTO invoice (id, company_id, project_id, commitment_id, vendor_id, number, status, invoice_number,"
            " period_id, created_at, updated_at, origin_id, created_by, approved_at, verbatim, basis, header, items,"
            " detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                invoice.id,
                invoice.company_id,
                invoice.project_id,
                invoice.commitment_id,
                invoice.vendor_id,
                invoice.number,
                invoice.status,
                invoice.invoice_number,
                invoice.period_id,
                invoice.created_at,
                invoice.updated_at,
                invoice.origin_id,
                invoice.created_by,
                invoice.approved_at,
                int(invoice.verbatim),
                _basis(invoice),
                json.dumps(header),
                json.dumps(items),
                json.dumps(detail),
            ),
        )


def _basis(invoice: Invoice) -> str:
    return json.dumps({**invoice.basis, "entries": [entry.as_json() for entry in invoice.entries]})


@lru_cache(maxsize=20_000)
def _entries(text: str) -> tuple[Entry, ...]:
    """Entries never change, so the same text may share them; reading them is the slow part of a long chain."""
    return tuple(Entry.from_json(entry) for entry in json.loads(text).get("entries", []))


def _invoice(row: sqlite3.Row) -> Invoice:
    basis = json.loads(row["basis"])
    basis.pop("entries", None)
    return Invoice(
        id=row["id"],
        company_id=row["company_id"],
        project_id=row["project_id"],
        commitment_id=row["commitment_id"],
        vendor_id=row["vendor_id"],
        number=row["number"],
        status=row["status"],
        invoice_number=row["invoice_number"],
        period_id=row["period_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        origin_id=row["origin_id"],
        created_by=row["created_by"],
        approved_at=row["approved_at"],
        verbatim=bool(row["verbatim"]),
        version=row["version"],
        entries=list(_entries(row["basis"])),
        basis=basis,
    )
