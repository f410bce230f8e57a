"""The invoices of a filter as CSV or Excel: raw days and numbers, nothing a spreadsheet would take for a formula."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from accounting import filtering, list_presenting, presenting
from accounting.filtering import Filter
from accounting.models import Bill
from companies.models import Company
from inbuild import sheets
from invoices.models import Invoice

BATCH = 2000
# Excel's own limit is 1,048,576 rows; a file is written whole before its first byte leaves.
EXCEL_ROWS = 100_000
HEADS = (
    "Number",
    "Vendor",
    "Project number",
    "Project",
    "Commitment",
    "Source",
    "Invoice date",
    "Due date",
    "Currency",
    "Gross",
    "Retainage",
    "Amount due",
    "Status",
    "Approved by",
    "Approved at",
    "QuickBooks company",
    "Bill no.",
    "QuickBooks ID",
    "Synced at",
    "Paid",
    "Balance",
)
Cell = str | Decimal | date | None


def rows(company: Company, wanted: Filter, chosen: QuerySet[Invoice] | None = None) -> Iterator[list[Cell]]:
    """Every invoice of the filter in its order, page after page, so that a million take no more room than a few."""
    every = filtering.matching(company, wanted) if chosen is None else chosen
    few = filtering.is_few(every)
    ordered = filtering.ordered(every, wanted, few=few).select_related("vendor", "project", "bill__integration")
    zone, last = ZoneInfo(company.time_zone), None
    while True:
        batch = ordered if last is None else filtering.past(ordered, wanted, last.sorted_by, last.pk)
        found: list[Any] = list(batch[:BATCH])
        yield from (_cells(invoice, zone) for invoice in found)
        if len(found) < BATCH:
            return
        last = found[-1]


def _cells(invoice: Invoice, zone: ZoneInfo) -> list[Cell]:
    bill: Bill | None = getattr(invoice, "bill", None)
    project = invoice.project

    def at(moment: Any) -> str:
        return moment.astimezone(zone).isoformat(timespec="seconds") if moment else ""

    return [
        invoice.number,
        invoice.vendor.name,
        project.number if project else "",
        project.name if project else "",
        invoice.commitment,
        invoice.get_source_display(),
        invoice.invoice_date,
        invoice.due_date,
        invoice.currency,
        invoice.gross,
        invoice.retainage,
        invoice.amount_due,
        list_presenting.status(invoice)["word"],
        invoice.approved_by,
        at(invoice.approved_at),
        bill.integration.account_name if bill and bill.integration else "",
        bill.external_number if bill else "",
        (bill.external_id or "") if bill else "",
        at(bill.synced_at) if bill else "",
        presenting.paid_words(bill).get("word", "") if bill else "",
        bill.balance if bill else None,
    ]


def as_csv(cells: Iterable[list[Cell]]) -> Iterator[str]:
    return sheets.written(itertools.chain([HEADS], ([_harmless(cell) for cell in row] for row in cells)))


def _harmless(cell: Cell) -> str:
    if isinstance(cell, str):
        return sheets.safe(cell)
    return "" if cell is None else str(cell)


def as_excel(cells: Iterable[list[Cell]]) -> Any:
    """A file, rewound, that is gone once it is closed. Text stays text, whatever it looks like."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Invoices")
    sheet.freeze_panes = "A2"
    sheet.append([_text(sheet, head) for head in HEADS])
    for row in cells:
        sheet.append([_text(sheet, cell) if isinstance(cell, str) else cell for cell in row])
    file = tempfile.TemporaryFile(prefix="inbuild-export-")  # noqa: SIM115 - closed by the response that streams it
    book.save(file)
    file.seek(0)
    return file


def _text(sheet: Any, words: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", words))
    cell.data_type = "s"  # openpyxl would make "=1+1" a live formula
    return cell
