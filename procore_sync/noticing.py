"""What needs somebody at Procore: the connection, and invoices whose original is something else since."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from accounting.models import Bill
from accounting.noticing import by_cause, in_words
from companies.models import Company
from companies.noticing import Found
from invoices.models import Invoice
from procore_sync import following
from procore_sync.models import ProcoreIntegration
from procore_sync.presenting import IN_BOOKS, WHAT_HAPPENED

SIGN_IN_AGAIN = {
    ProcoreIntegration.Grant.USER: "Connect with your Procore user again.",
    ProcoreIntegration.Grant.SERVICE_ACCOUNT: "Enter the service account's credentials again.",
}


def found(company: Company) -> Iterator[Found]:
    integration = ProcoreIntegration.active(company)
    if integration is not None and integration.state == ProcoreIntegration.State.NEEDS_RECONNECT:
        url = f"{reverse('procore_sync:settings')}#connection"
        key, words = f"procore:{integration.pk}", lost(integration)
        yield Found(key, words, "Reconnect Procore", url, "bad", is_lost_connection=True)
    yield from _different(company)


def lost(integration: ProcoreIntegration) -> str:
    """What an admin reads while Procore does not accept our sign-in."""
    again = SIGN_IN_AGAIN[ProcoreIntegration.Grant(integration.grant)]
    return f"Procore no longer accepts inBuild's sign-in. {again}"


def _different(company: Company) -> Iterator[Found]:
    """Invoices that are in QuickBooks and no longer what Procore says."""
    rows = Bill.objects.filter(company=company, state=Bill.State.SYNCED, invoice__source_state__in=following.DIFFERENT)
    for group, oldest in by_cause(rows, "invoice__source_state"):
        state = Invoice.SourceState(group["invoice__source_state"])
        words = f"{state.label}: {in_words(group, oldest)} {WHAT_HAPPENED[state]} {IN_BOOKS}"
        is_one = group["count"] == 1
        url = reverse("invoices:detail", kwargs={"public_id": oldest.invoice.public_id})
        yield Found(
            f"procore:{state}",
            words,
            "Open the invoice" if is_one else "Show the invoices",
            url if is_one else reverse("attention:page"),
            "warn",
            group["count"],
        )
