"""The lists of a QuickBooks Online company, inactive entries included, in the house's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from accounting.books import Entry
from accounting.models import ListEntry
from qbo import gateway
from qbo.faults import Fault

Kind = ListEntry.Kind
# Intuit: 5020 and 5030, the company's plan does not include the feature.
NOT_IN_PLAN = frozenset({"5020", "5030"})
# Intuit: a query answers active entries only, unless asked like this.
ALL = "WHERE Active IN (true, false)"


def read(company: gateway.Company) -> dict[ListEntry.Kind, list[Entry]]:
    """All lists that bills name. One that the company's plan leaves out is empty. Raises Fault, OutsideError."""
    return {kind: list(_rows(company, entity, entry)) for kind, (entity, entry) in ENTITIES.items()}


def _rows(company: gateway.Company, entity: str, entry: Callable[[Any], Entry]) -> Iterable[Entry]:
    try:
        yield from (entry(row) for row in company.query(entity, ALL))
    except Fault as fault:
        if not fault.codes & NOT_IN_PLAN:
            raise


def _named(row: Any, *, subtype: str = "", currency: str = "", is_usable: bool = True) -> Entry:
    return Entry(
        external_id=str(row["Id"]),
        name=str(row.get("FullyQualifiedName") or row.get("DisplayName") or row["Name"]),
        active=bool(row.get("Active", True)),
        subtype=subtype[:60],
        currency=currency,
        is_usable=is_usable,
    )


def vendor(row: Any) -> Entry:
    return _named(row, currency=str((row.get("CurrencyRef") or {}).get("value") or ""))


def account(row: Any) -> Entry:
    return _named(row, subtype=str(row.get("AccountSubType") or row.get("AccountType") or ""))


def item(row: Any) -> Entry:
    """Intuit: a bill takes only items with an expense account; a category has none."""
    return _named(row, subtype=str(row.get("Type") or ""), is_usable=bool(row.get("ExpenseAccountRef")))


def customer(row: Any) -> Entry:
    """Customers, their sub-customers and projects, by their full name."""
    return _named(row, subtype="Project" if row.get("IsProject") else "Job" if row.get("Job") else "Customer")


ENTITIES: dict[ListEntry.Kind, tuple[str, Callable[[Any], Entry]]] = {
    Kind.VENDOR: ("Vendor", vendor),
    Kind.ACCOUNT: ("Account", account),
    Kind.ITEM: ("Item", item),
    Kind.CUSTOMER: ("Customer", customer),
    Kind.CLASS: ("Class", _named),
    Kind.TERM: ("Term", _named),
    Kind.LOCATION: ("Department", _named),
}
