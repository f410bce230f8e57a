"""The posting settings in the order in which the Setup Wizard asks for them, and what each is now."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.db.models import QuerySet

from accounting.models import Integration, ListEntry
from accounting.suggesting import normalised

RETAINAGE_NAMES = frozenset({"ap retainage", "retainage payable", "retention payable", "ap retention"})


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    title: str
    words: str
    desktop_words: str = ""


STEPS = (
    Step("payable", "Accounts payable account", "Where bills are owed. QuickBooks has at least one such account."),
    Step(
        "lines",
        "Items or accounts",
        "What bill lines are posted to: accounts of the chart of accounts, or items of Products and Services. "
        "Mappings of both kinds are kept when you change this.",
        "What bill lines are posted to: accounts of the chart of accounts, or items of the Item List. "
        "Mappings of both kinds are kept when you change this.",
    ),
    Step(
        "default",
        "Default for lines",
        "What a line is posted to whose cost code is not mapped. Choose none, and each cost code must be mapped first.",
    ),
    Step("codes", "Cost code or cost type", "What decides where a line is posted."),
    Step(
        "retainage",
        "Retainage",
        "Retainage held back and released is a line of its own. Choose none, and invoices with retainage wait.",
    ),
    Step(
        "projects",
        "Projects",
        "Whether each line names its customer or project in QuickBooks.",
        "Whether each line names its customer or job in QuickBooks. Lines are never marked as billable.",
    ),
    Step("classes", "Classes", "Whether each line names the class of its project."),
    Step("location", "Location", "One location for all bills."),
    Step("due", "Due date", "When a bill is due."),
    Step(
        "vendors",
        "New vendors",
        "When this is on, a vendor that QuickBooks does not know by exactly its name is created there with its first "
        "bill. When it is off, the bill waits until somebody maps the vendor or presses Create vendor in QuickBooks.",
    ),
)


def applies(step: Step, integration: Integration) -> bool:
    """Classes and locations are asked for only where QuickBooks has them."""
    if step.name == "classes":
        return integration.class_tracking == "line"
    return integration.tracks_locations if step.name == "location" else True


def steps(integration: Integration) -> list[Step]:
    asked = [step for step in STEPS if applies(step, integration)]
    if integration.kind == Integration.Kind.QBO:
        return asked
    return [replace(step, words=step.desktop_words or step.words) for step in asked]


def step_after(step: Step, integration: Integration) -> Step | None:
    """None after the last."""
    asked = steps(integration)
    place = asked.index(step) + 1
    return asked[place] if place < len(asked) else None


def fields(step: Step, integration: Integration) -> tuple[str, ...]:
    by_items = integration.by_items
    return {
        "payable": ("ap_account",),
        "lines": ("line_mode",),
        "default": ("expense_item" if by_items else "expense_account",),
        "codes": ("codes_by",),
        "retainage": ("retainage_item" if by_items else "retainage_account",),
        "projects": ("project_use",),
        "classes": ("class_use",),
        "location": ("location",),
        "due": ("due_date_rule", "term", "due_days"),
        "vendors": ("creates_vendors",),
    }[step.name]


def line_modes(integration: Integration) -> list[tuple[str, str]]:
    """In the words of these books: what Online calls products and services is the Item List of Desktop."""
    names = {Integration.LineMode.ITEM: "Items (Item List)"} if integration.kind == Integration.Kind.QBD else {}
    return [(value, names.get(Integration.LineMode(value), label)) for value, label in Integration.LineMode.choices]


def value(step: Step, integration: Integration) -> str:
    """The setting as a person reads it."""
    if step.name == "payable":
        return str(integration.ap_account or "Not chosen")
    if step.name == "lines":
        return dict(line_modes(integration))[integration.line_mode]
    if step.name == "default":
        return str(integration.default_target or "None: each cost code must be mapped")
    if step.name == "codes":
        return integration.get_codes_by_display()
    if step.name == "retainage":
        return str(integration.retainage_target or "None: invoices with retainage wait")
    if step.name == "projects":
        return integration.get_project_use_display()
    if step.name == "classes":
        return integration.get_class_use_display()
    if step.name == "location":
        return str(integration.location or "None")
    if step.name == "vendors":
        return "Created in QuickBooks by themselves" if integration.creates_vendors else "Created only by a person"
    return _due(integration)


def choices(name: str, integration: Integration) -> QuerySet[ListEntry]:
    """What a field offers: active entries of these books only."""
    kind = {
        "expense_item": ListEntry.Kind.ITEM,
        "retainage_item": ListEntry.Kind.ITEM,
        "location": ListEntry.Kind.LOCATION,
        "term": ListEntry.Kind.TERM,
    }.get(name, ListEntry.Kind.ACCOUNT)
    rows = ListEntry.objects.filter(integration=integration, kind=kind, active=True)
    # What bills are owed in may be forbidden on their lines.
    rows = rows.filter(subtype="AccountsPayable") if name == "ap_account" else rows.filter(is_usable=True)
    return rows.order_by("name")


def only_payable(integration: Integration) -> ListEntry | None:
    """Where the books have exactly one accounts payable account there is nothing to choose."""
    found = list(choices("ap_account", integration)[:2])
    return found[0] if len(found) == 1 else None


def suggested_retainage(integration: Integration) -> ListEntry | None:
    """The one item or account that is called as the trade calls it."""
    name = "retainage_item" if integration.by_items else "retainage_account"
    rows = choices(name, integration)
    found = [one for one in rows if normalised(one.name.rsplit(":", 1)[-1]) in RETAINAGE_NAMES]
    return found[0] if len(found) == 1 else None


def _due(integration: Integration) -> str:
    if integration.due_date_rule == Integration.DueDate.TERM:
        return f"By the term {integration.term or 'that is not chosen yet'}"
    if integration.due_date_rule == Integration.DueDate.DAYS:
        return f"{integration.due_days} days after the invoice date"
    return integration.get_due_date_rule_display()
