"""Who may approve an invoice made in inBuild: any amount, up to a limit, or none, by role; and what an admin sets.

Company admins approve any amount, so that there is always somebody who can. An approval that was given in Procore is
Procore's to allow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from companies import auditing
from companies.models import Company, Membership, Role, User
from companies.templatetags.plain import money
from invoices.models import ApprovalLimit, Invoice, WrongState

ROLES = (Role.ADMIN, Role.ACCOUNTANT)
AN_ADMIN_CAN = "A company admin can approve it."


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a role may approve in a company: `limit` None is any amount, zero is nothing."""

    role: Role
    currency: str
    limit: Decimal | None = None

    @property
    def is_any(self) -> bool:
        return self.limit is None

    @property
    def is_none(self) -> bool:
        return self.limit == 0

    @property
    def words(self) -> str:
        if self.limit is None:
            return "Any amount"
        return "May not approve" if self.is_none else f"Up to {in_money(self.limit, self.currency)}"

    def refusal(self, invoice: Invoice) -> str:
        """Why somebody of this role may not approve this invoice; empty where they may."""
        if self.limit is None:
            return ""
        if self.is_none:
            return f"{self.role.label}s may not approve invoices in your company. {AN_ADMIN_CAN}"
        limit = in_money(self.limit, self.currency)
        if invoice.currency != self.currency:
            return f"Your limit is {limit}, and this invoice is in {invoice.currency}. {AN_ADMIN_CAN}"
        return f"Your limit is {limit}. {AN_ADMIN_CAN}" if abs(invoice.amount_due) > self.limit else ""


def allowed(company: Company, role: str) -> Allowed:
    """As it is set now; without a setting any amount."""
    known = Role(role)
    if known == Role.VIEWER:
        return Allowed(known, company.currency, Decimal(0))
    row = None if known == Role.ADMIN else ApprovalLimit.objects.filter(company=company, role=known).first()
    return Allowed(known, company.currency, (row.amount or Decimal(0)) if row else None)


def refusal(invoice: Invoice, membership: Membership) -> str:
    return allowed(membership.company, membership.role).refusal(invoice)


def refuse(invoice: Invoice, membership: Membership) -> None:
    """Called under the lock on the invoice: neither its amount nor the limit is an old one. Raises WrongState."""
    if why := refusal(invoice, membership):
        raise WrongState(why)


def of_roles(company: Company) -> Iterable[Allowed]:
    return [allowed(company, role) for role in ROLES]


def set_limit(company: Company, role: Role, limit: Decimal | None, *, user: User) -> Allowed:
    """None is any amount, zero is nothing. Counts from the next press of Approve on; what is approved stays so."""
    with transaction.atomic():
        Company.objects.select_for_update(no_key=True).get(pk=company.pk)
        before, now = allowed(company, role), Allowed(role, company.currency, limit)
        if before == now:
            return now
        if limit is None:
            ApprovalLimit.objects.filter(company=company, role=role).delete()
        else:
            ApprovalLimit.objects.update_or_create(company=company, role=role, defaults={"amount": limit or None})
        auditing.record(
            company,
            "approvals.limit",
            company,
            f"Approval by {role.label.lower()}s: {now.words}",
            user=user,
            before={"limit": before.words},
            after={"limit": now.words},
        )
    return now


def in_money(amount: Decimal, currency: str) -> str:
    return f"${money(amount)}" if currency == "USD" else f"{money(amount)} {currency}"
