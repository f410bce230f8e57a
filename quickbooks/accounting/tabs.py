"""The tabs of the invoices list: where every invoice stands on its way to QuickBooks, in accountants' words.

Every invoice with a bill is in exactly one tab beside All, and Needs attention is what `attention.count` counts. An
invoice that waits for approval in inBuild has no bill yet: it is in All, and the list says so. One that was cancelled
there never gets one and is among the skipped.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Q, QuerySet

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
            return rows.filter(pk__in=attention.everything(self.company_id, self.refused))
        if self.refused:
            # Not where a change that somebody asked for was not possible, whatever the bill's state.
            rows = rows.exclude(bill__in=self.refused)
        if tab == READY:
            return rows.filter(_waits(State.READY))
        if tab == SYNCING:
            return rows.filter(_waits(State.SENDING, State.CHECKING))
        if tab == SYNCED:
            rows = rows.filter(bill__state=State.SYNCED, bill__books_state=Bill.BooksState.AS_POSTED)
            return rows.exclude(source_state__in=attention.DIFFERENT)
        skipped = Bill.objects.filter(company_id=self.company_id, state=State.SKIPPED).values("invoice")
        without = Invoice.objects.filter(company_id=self.company_id, state=Invoice.State.CANCELLED, bill=None)
        return rows.filter(pk__in=skipped.union(without.values("pk"), all=True))


def _waits(*states: str) -> Q:
    """In one of these states, and not for a connection that a person has to mend."""
    mendable = (State.READY, State.CHECKING)
    problems = sorted(attention.CONNECTION)
    return Q(bill__state__in=states) & ~Q(bill__state__in=mendable, bill__problem__in=problems)
