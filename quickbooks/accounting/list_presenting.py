"""The invoices list as its page shows it: tabs, heads, rows, filters and what may be chosen in them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from accounting import attention, bulk, filtering, presenting, tabs
from accounting.filtering import COLUMNS, COUNT_CAP, SORTS, Filter
from accounting.invoice_list import TAB_CAP, Page
from accounting.models import Bill, BulkRun, Integration
from companies import access
from companies.models import Membership
from invoices.models import Invoice, Project, Vendor

CHOICES = 500
STARTS_DOWN = ("date", "due", "amount")


def shown(membership: Membership, wanted: Filter, page: Page) -> dict[str, Any]:
    """What `invoices/list.html` needs of the invoices; five queries, however many there are."""
    company = membership.company
    books = list(Integration.objects.filter(company=company).order_by("id"))
    vendors = Vendor.objects.filter(company=company).order_by("name").values_list("name", flat=True)
    names = {one.pk: one.account_name for one in books}
    query = wanted.query
    return {
        "wanted": wanted,
        "query": query,
        "page": page,
        "count_words": _many(page.count, is_capped=page.is_capped),
        "noun": "invoice" if page.count == 1 else "invoices",
        "rows": [
            _row(invoice, query, names, is_refused=hasattr(invoice, "bill") and invoice.bill.pk in page.refused)
            for invoice in page.invoices
        ],
        "tabs": [_tab(wanted, page, name, label) for name, label in tabs.LABELS.items()],
        "heads": [_head(wanted, name, label) for name, label in COLUMNS.items() if name in wanted.columns],
        "number_head": _head(wanted, "number", "Number"),
        "unapproved": _unapproved(wanted, page),
        "next_query": _with(query, after=page.next_cursor) if page.next_cursor else "",
        "first_query": query,
        "total_query": _with(query, total="1"),
        "cleared_query": Filter(tab=wanted.tab, sort=wanted.sort, columns=wanted.columns).query,
        "is_filtered": wanted.narrows,
        "folded": _folded(wanted),
        "sorts": _sorts(),
        "columns": [{"name": name, "label": label, "on": name in wanted.columns} for name, label in COLUMNS.items()],
        "projects": Project.objects.filter(company=company).order_by("number", "name")[:CHOICES],
        "vendors": list(vendors.distinct()[: CHOICES + 1]),
        "books": [{"pk": one.pk, "name": one.account_name or one.get_kind_display()} for one in books],
        "quickbooks": next((one for one in books if one.state != Integration.State.DISCONNECTED), None),
        "sources": Invoice.Source.choices,
        "paid": filtering.PAID,
        "approvals": filtering.APPROVAL,
        "can_work": membership.can_work,
        "workers_only": access.WORKERS_ONLY,
        "most_at_once": f"{COUNT_CAP:,}",
        "deeds": [{"name": name, "label": words.label} for name, words in bulk.WORDS.items()],
        "runs": [_run(run) for run in BulkRun.objects.filter(company=company, ended_at=None).order_by("-id")[:3]],
    }


def _many(count: int, *, is_capped: bool) -> str:
    return f"{count:,}{'+' if is_capped else ''}"


def _tab(wanted: Filter, page: Page, name: str, label: str) -> dict[str, Any]:
    many, cap = page.counts[name], COUNT_CAP if name == wanted.tab else TAB_CAP
    return {
        "name": name,
        "label": label,
        "count": _many(min(many, cap), is_capped=many > cap),
        "query": wanted.but(tab=name).query,
    }


def _head(wanted: Filter, name: str, label: str) -> dict[str, Any]:
    """A column's head; a click on the one that is sorted by turns the order around."""
    is_by = wanted.sorted_by == name
    down = not wanted.is_descending if is_by else name in STARTS_DOWN
    order = ("descending" if wanted.is_descending else "ascending") if is_by else ""
    query = wanted.but(sort=f"-{name}" if down else name).query if name in SORTS else ""
    return {"name": name, "label": label, "order": order, "query": query, "can_sort": name in SORTS}


def _row(invoice: Invoice, query: str, books: dict[int, str], *, is_refused: bool) -> dict[str, Any]:
    bill: Bill | None = getattr(invoice, "bill", None)
    address = reverse("invoices:detail", kwargs={"public_id": invoice.public_id})
    return {
        "invoice": invoice,
        "books": books.get(bill.integration_id or 0, "") if bill else "",
        "status": status(invoice, is_refused=is_refused),
        "paid": presenting.paid_words(bill) if bill else None,
        "url": f"{address}?{query}" if query else address,
    }


def status(invoice: Invoice, *, is_refused: bool = False) -> dict[str, str]:
    """The one word of a row. Where a bill is in QuickBooks and something is to be decided, it says what."""
    bill: Bill | None = getattr(invoice, "bill", None)
    if bill is not None and bill.state == Bill.State.SYNCED:
        if bill.books_state != Bill.BooksState.AS_POSTED:
            return {"word": bill.get_books_state_display(), "colour": "warn"}
        if invoice.source_state in attention.DIFFERENT:
            return {"word": invoice.get_source_state_display(), "colour": "warn"}
        if is_refused:
            return {"word": "Change not made", "colour": "warn"}
    return presenting.status(invoice)


def _unapproved(wanted: Filter, page: Page) -> list[dict[str, str]]:
    """Where those are that are not approved in inBuild yet: they are in no other tab than All."""
    if wanted.approval:
        return []
    words = {"waiting": ("waits for approval", "wait for approval"), "draft": ("draft", "drafts")}
    return [
        {
            "words": f"{_many(min(many, TAB_CAP), is_capped=many > TAB_CAP)} {words[name][many != 1]}",
            "query": wanted.but(tab=tabs.ALL, approval=name).query,
        }
        for name, many in page.unapproved.items()
        if many
    ]


def _run(run: BulkRun) -> dict[str, str]:
    return {"words": f"{run} is under way.", "url": reverse("bulk:run", kwargs={"public_id": run.public_id})}


def _folded(wanted: Filter) -> dict[str, Any]:
    """The filters that are folded away, and how many of them are set."""
    names = ("vendor", "since", "until", "least", "most", "books", "paid", "approval")
    return {"count": sum(getattr(wanted, name) not in ("", None) for name in names)}


def _sorts() -> list[dict[str, str]]:
    words = {
        "date": ("Invoice date, oldest first", "Invoice date, newest first"),
        "due": ("Due date, earliest first", "Due date, latest first"),
        "amount": ("Amount, smallest first", "Amount, largest first"),
        "number": ("Number, A to Z", "Number, Z to A"),
        "vendor": ("Vendor, A to Z", "Vendor, Z to A"),
    }
    return [
        {"name": f"{sign}{name}", "label": label}
        for name, both in words.items()
        for sign, label in zip(("-", ""), reversed(both), strict=True)
    ]


def _with(query: str, **more: str) -> str:
    return "&".join(part for part in (query, urlencode(more)) if part)
