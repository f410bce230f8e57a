"""What opens a shut gate: one button, or the same button greyed out with the reason."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from accounting import presenting
from accounting.models import Bill
from accounting.problems import DUPLICATE, MAPPING, Words, problem
from companies import access
from companies.models import Membership
from invoices.models import Invoice
from procore_sync import following
from procore_sync.explaining import Action, Answer, Step
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, SentInvoice
from procore_sync.records import Record


def of_gate(
    step: Step, row: ProcoreInvoice, record: Record | None, sent: SentInvoice | None, membership: Membership
) -> Step:
    """A step before the import with what opens it."""
    if step.answer is not Answer.NO or record is None:
        return step
    return replace(step, action=_of_gate(step.name, row, record, sent, membership))


def _of_gate(
    name: str, row: ProcoreInvoice, record: Record, sent: SentInvoice | None, membership: Membership
) -> Action | None:
    if name == "switch":
        return of_settings("Turn the switch on", "procore_sync:settings", membership, "#quickbooks-sync")
    if name == "quickbooks":
        return of_settings("Connect QuickBooks", "accounting:integrations", membership)
    if name == "mirroring":
        return review(membership, row.number)
    if name == "created_in_procore" and sent is not None:
        return Action("Ask about inBuild's own invoice", f"{reverse('procore:why')}?invoice={sent.invoice.public_id}")
    if name == "status" and row.status == "approved_as_noted":
        return of_settings("Open settings", "procore_sync:settings", membership)
    return in_procore(following.source_url(row.integration, record))


def review(membership: Membership, number: str) -> Action:
    return of_settings("Import under Review", "procore_sync:review", membership, f"?{urlencode({'q': number})}")


def of_procore(door: str, integration: ProcoreIntegration, membership: Membership) -> Action | None:
    """What helps when Procore gives no answer."""
    if door == "reconnect":
        return of_settings("Reconnect Procore", "procore_sync:settings", membership)
    if door == "permit":
        ui = settings.PROCORE_ENVIRONMENTS[integration.environment]["ui"]
        return in_procore(ui, "Open Procore to permit the project")
    return None


def in_procore(url: str, label: str = "Open in Procore") -> Action | None:
    return Action(label, url, is_outside=True) if url else None


def of_invoice(invoice: Invoice) -> Action:
    return Action("Open the invoice", reverse("invoices:detail", kwargs={"public_id": invoice.public_id}))


def of_settings(label: str, name: str, membership: Membership, part: str = "") -> Action:
    return Action(label, reverse(name) + part, refusal="" if membership.is_admin else access.ADMINS_ONLY)


def of_bill(bill: Bill, membership: Membership) -> Action | None:
    """The button of the bill's own problem, the same as on the invoice's page."""
    if bill.state == Bill.State.SKIPPED:
        return _act(bill, "Sync after all", "retry", membership)
    return of_problem(bill, bill.problem, membership) if bill.problem else None


def of_problem(bill: Bill, code: str, membership: Membership) -> Action | None:
    found = problem(code)
    if found.action in (DUPLICATE, MAPPING):
        url, refusal = presenting.action_url(bill, found.action), "" if membership.can_work else access.WORKERS_ONLY
        return Action(found.button.format_map(Words(bill.problem_detail)), url, refusal=refusal)
    if ":" in found.action:
        return of_settings(found.button, found.action, membership)
    return _act(bill, found.button.format_map(Words(bill.problem_detail)), found.action, membership)


def _act(bill: Bill, label: str, action: str, membership: Membership) -> Action:
    url = presenting.action_url(bill, action)
    return Action(label, url, is_post=True, refusal="" if membership.can_work else access.WORKERS_ONLY)


def in_quickbooks(bill: Bill) -> Action | None:
    url = presenting.quickbooks_url(bill)
    return Action("Open in QuickBooks", url, is_outside=True) if url else None
