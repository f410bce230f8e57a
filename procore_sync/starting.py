"""What a new company still has to do before its first bill, read from what is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from accounting.models import Integration, Mapping
from companies.models import Company, Membership, Role
from inbuild.counting import counted
from invoices.models import Vendor
from procore_sync.models import MirroringPeriod, ProcoreIntegration


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: what, why, where, and whether it is done."""

    words: str
    why: str
    is_done: bool
    url: str
    label: str
    admins_only: bool = True


@dataclass(frozen=True, slots=True)
class Start:
    """The steps in their order. `who` names the people who can do the next one where this person cannot."""

    steps: tuple[Step, ...]
    next: Step
    may_do_it: bool
    who: tuple[str, ...] = ()


def still_to_do(membership: Membership, procore: ProcoreIntegration | None) -> Start | None:
    """The checklist, or None once all of it is done. One query then, two for somebody who may not go on."""
    steps = _steps(membership.company, procore)
    first = next((step for step in steps if not step.is_done), None)
    if first is None:
        return None
    may_do_it = membership.is_admin or (membership.can_work and not first.admins_only)
    who = () if may_do_it else _who(membership.company, first)
    return Start(steps, first, may_do_it, who)


def _steps(company: Company, procore: ProcoreIntegration | None) -> tuple[Step, ...]:
    books = Integration.active(company)
    facts: list[QuerySet[Any]] = [
        books,
        books.exclude(Integration.CONFIGURED),
        Mapping.objects.filter(company=company),
        Vendor.objects.filter(company=company),
        MirroringPeriod.objects.filter(company=company),
    ]
    has_books, has_unfinished, has_mapping, has_vendor, was_on = (
        number > 0 for number in counted(rows.values("pk")[:1] for rows in facts)
    )
    is_set_up = has_books and not has_unfinished
    # Vendors come with the first invoices: before that there is nothing to map.
    is_mapped = is_set_up and (has_mapping or not has_vendor)
    return (
        Step(
            "Connect Procore",
            "Where your invoices are approved.",
            procore is not None,
            reverse("procore_sync:settings"),
            "Connect Procore",
        ),
        Step(
            "Connect QuickBooks",
            "Where their bills are wanted: QuickBooks Online or QuickBooks Desktop.",
            has_books,
            reverse("accounting:integrations"),
            "Connect QuickBooks",
        ),
        Step(
            "Map",
            "Your accounts, in the Setup Wizard; and which vendor, project and cost code is which in QuickBooks.",
            is_mapped,
            reverse("accounting:mapping") if is_set_up else reverse("accounting:setup"),
            "Open Mapping" if is_set_up else "Go to the Setup Wizard",
            admins_only=not is_set_up,
        ),
        Step(
            "Switch on",
            "From then on invoices approved in Procore come by themselves. Earlier ones only where you choose them.",
            was_on,
            reverse("procore_sync:settings") + "#quickbooks-sync",
            "Go to the switch",
        ),
    )


def _who(company: Company, step: Step) -> tuple[str, ...]:
    roles = [Role.ADMIN] if step.admins_only else [Role.ADMIN, Role.ACCOUNTANT]
    members = Membership.objects.filter(company=company, role__in=roles, user__is_active=True).select_related("user")
    return tuple(str(member.user) for member in members.order_by("id")[:3])
