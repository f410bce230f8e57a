"""What the bell says of invoices made in inBuild: those that wait for approval, to whoever can approve them."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Min, Q
from django.db.models.functions import Abs
from django.urls import reverse

from companies.models import Company, Role
from companies.noticing import Found
from invoices import approving
from invoices.models import Invoice


def found(company: Company) -> Iterator[Found]:
    """Those within the accountants' limit, and those that only a company admin can approve. Two or three queries."""
    limit = approving.allowed(company, Role.ACCOUNTANT)
    within = Q()
    if limit.limit is not None:
        within = Q(currency=limit.currency, due__lte=limit.limit)
    rows = Invoice.objects.filter(company=company, source=Invoice.Source.INBUILD, state=Invoice.State.SUBMITTED)
    rows = rows.annotate(due=Abs("amount_due"))
    for key, group, who in (
        ("approvals", rows.filter(within), ""),
        ("approvals:admins", rows.exclude(within) if within else rows.none(), " by a company admin"),
    ):
        counted = group.aggregate(count=Count("pk"), oldest=Min("pk"))
        if counted["count"]:
            yield _found(key, counted["count"], Invoice.objects.select_related("vendor").get(pk=counted["oldest"]), who)


def _found(key: str, count: int, oldest: Invoice, who: str) -> Found:
    one = f"{oldest.number} of {oldest.vendor.name}"
    if count == 1:
        words, label = f"Invoice {one} waits for approval{who}.", "Open the invoice"
        url = reverse("invoices:detail", kwargs={"public_id": oldest.public_id})
    else:
        words = f"{count:,} invoices wait for approval{who}. The oldest is {one}."
        label, url = "Show the invoices", f"{reverse('invoices:list')}?approval=waiting"
    return Found(key, words, label, url, "info", count, admins_only=bool(who))
