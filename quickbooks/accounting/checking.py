"""Bills in doubt: look first, then adopt what is there or send the same bytes again."""

from __future__ import annotations

from django.db.models.functions import Now

from accounting import posting, restoring
from accounting.backends import Absent, NeedsReconnect, NotSent, Refused, backend_for
from accounting.models import Bill
from inbuild.queue import backoff


def check(bill: Bill) -> None:
    """One look. Called only after the quarantine, because until then QuickBooks may still be writing the bill."""
    integration = bill.integration
    if integration is None or not integration.is_active:
        detail = {"account": str(integration or "QuickBooks")}
        bill.wait(until=Now() + posting.SAFETY_NET, problem="books_disconnected", detail=detail)
        return
    if not integration.can_post:
        bill.wait(until=Now() + posting.SAFETY_NET, problem="reconnect" if not integration.paused else "paused")
        return
    try:
        found = backend_for(integration).look_up(bill)
    except NotSent as exc:
        problem = exc.problem if exc.problem == Bill.WAITS_FOR_PC else "no_answer"
        bill.wait(until=Now() + max(exc.wait, backoff(bill.failures)), problem=problem, detail=bill.problem_detail)
        return
    except NeedsReconnect:
        integration.needs_reconnect()
        bill.wait(until=Now() + posting.SAFETY_NET, problem="no_answer", detail=bill.problem_detail)
        return
    if found is None:
        bill.wait(until=Now() + backoff(bill.failures), problem="no_answer", detail=bill.problem_detail)
    elif not isinstance(found, Absent):
        posting.settle(bill, found)
    elif restoring.settled(
        bill, integration, number=posting.bill_number(bill.invoice.number, integration.bill_number_length)
    ):
        return
    elif problem := bill.problem_detail.get("if_absent"):
        words = bill.problem_detail.get("words", "")
        posting.settle(bill, Refused(problem, {"words": words}, words=words))
    else:
        posting.start_again(bill)
        posting.deliver(bill, integration)
