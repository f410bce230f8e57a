"""Before an invoice is entered: which bills of the same vendor and number are in the books already."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from accounting.models import Bill, BookedBill, Integration, ListEntry, Mapping
from companies.models import Company
from invoices.alike import Key


def same_number(company: Company, keys: Iterable[Key]) -> dict[Key, BookedBill]:
    """For each of the keys of `invoices.alike` the oldest such bill that is not inBuild's own. At most four queries.

    As `holds.same_in_books` finds them, only before there is a bill of ours: the vendor is known by its mapping, or by
    the name it has in the books.
    """
    wanted = {each for each in keys if all(each)}
    books = list(Integration.active(company)) if wanted else []
    if not books:
        return {}
    names = _names(books, {vendor for vendor, _ in wanted})
    rows = BookedBill.objects.filter(
        integration__in=books,
        kind=Bill.Kind.BILL,
        vendor_id__in={vendor_id for _, vendor_id in names},
        number_key__in={number[:60] for _, number in wanted},
        is_deleted=False,
    ).exclude(memo__contains="[inBuild ")
    found: dict[Key, BookedBill] = {}
    for row in rows.select_related("integration").order_by("-pk"):
        for name in names.get((row.integration_id, row.vendor_id), ()):
            found |= {each: row for each in wanted if each[0] == name and each[1][:60] == row.number_key}
    return found


def _names(books: list[Integration], asked: set[str]) -> dict[tuple[int, str], set[str]]:
    """Of the books' vendors those that one of the names stands for, and which; two queries."""
    in_books, ours = Q(), Q()
    for name in asked:
        in_books |= Q(name__iexact=name)
        ours |= Q(vendor__name__iexact=name)
    entries = ListEntry.objects.filter(in_books, integration__in=books, kind=ListEntry.Kind.VENDOR)
    mapped = Mapping.objects.filter(ours, integration__in=books)
    pairs = [
        *entries.values_list("integration_id", "external_id", "name"),
        *mapped.values_list("integration_id", "entry__external_id", "vendor__name"),
    ]
    found: dict[tuple[int, str], set[str]] = {}
    for integration_id, external_id, name in pairs:
        found.setdefault((integration_id, external_id), set()).add(name.strip().casefold())
    return found
