"""The tabs of the invoices list: where every invoice stands on its way to QuickBooks, in accountants' words.

Every invoice with a bill is in exactly one tab beside All, and Needs attention is what `attention.count` counts. An
invoice that waits for approval in inBuild has no bill yet: it is in All, and the list says so. One that was cancelled
there never gets one and is among the skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, F, Func, Q, QuerySet

from accounting import attention
from accounting.models import Bill
from invoices.models import Invoice

ALL, ATTENTION, READY, SYNCING, SYNCED, SKIPPED = "all", "attention", "ready", "syncing", "synced", "skipped"
LABELS: Mapping[str, str] = {
    ALL: "All",
    ATTENTION: "Needs attention",
    READY: "Ready to sync",
    SYNCING: "Syncing",
    SYNCED: "Synced",
    SKIPPED: "Skipped",
}
State = Bill.State
NOT_APPROVED = {"waiting": Invoice.State.SUBMITTED, "draft": Invoice.State.DRAFT}  # as the address names them


class Tabs:
    """The tabs of one company; asks once which changes of bills were not possible."""

    def __init__(self, company_id: int) -> None:
        self.company_id = company_id
        self.refused = attention.refused(company_id)

    def within(self, rows: QuerySet[Invoice], tab: str) -> QuerySet[Invoice]:
        """Those of one tab. `rows` are the company's already."""
        if tab == ALL:
            return rows
        if tab == ATTENTION:
            return rows.filter(_is_any(attention.everything(self.company_id, self.refused)))
        if self.refused:
            # Not where a change that somebody asked for was not possible, whatever the bill's state.
            rows = rows.exclude(bill__in=self.refused)
        if tab == READY:
            return rows.filter(_is_any(self._waiting(State.READY)))
        if tab == SYNCING:
            return rows.filter(_is_any(self._waiting(State.SENDING, State.CHECKING)))
        if tab == SYNCED:
            rows = rows.filter(bill__state=State.SYNCED, bill__books_state=Bill.BooksState.AS_POSTED)
            return rows.exclude(source_state__in=attention.DIFFERENT)
        skipped = Bill.objects.filter(company_id=self.company_id, state=State.SKIPPED).values("invoice")
        without = Invoice.objects.filter(company_id=self.company_id, state=Invoice.State.CANCELLED, bill=None)
        return rows.filter(pk__in=skipped.union(without.values("pk"), all=True))

    def _waiting(self, *states: str) -> QuerySet[Any, Any]:
        """The invoices whose bills are in one of these states, and not for a connection that a person has to mend."""
        for_a_person = Q(state__in=(State.READY, State.CHECKING), problem__in=sorted(attention.CONNECTION))
        bills = Bill.objects.filter(~for_a_person, company_id=self.company_id, state__in=states)
        return bills.values("invoice")


def _is_any(ids: QuerySet[Any, Any]) -> Func:
    """The same as `pk__in`, but PostgreSQL finds these few first and not all that the rest of a question finds."""
    few = ArraySubquery(ids)
    return Func(F("pk"), few, arg_joiner=" = ANY(", template="%(expressions)s)", output_field=BooleanField())
