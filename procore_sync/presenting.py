"""What Procore told us, as pages show it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse

from accounting.models import Bill, BillChange
from companies import access, auditing
from companies.auditing import Happening
from companies.models import Company, Membership
from companies.templatetags.plain import day, money
from inbuild.queue import database_now
from invoices.models import Invoice, number_key
from procore_sync import differences, following, gates, mirroring, reviewing, sending, steps
from procore_sync.models import (
    ContractPayment,
    ProcoreAttachment,
    ProcoreIntegration,
    ProcoreInvoice,
    ProcoreProject,
    SentInvoice,
    WebhookDelivery,
)
from procore_sync.reading import a_moment

SHOWN = 20
LISTED = 10
PERIODS_SHOWN = 10
PERIODS = 50
# These come once they are approved, or never were meant to come.
NO_NEWS = ("status", "kind", "created_in_procore")
STEP_WORDS = {
    "ok": {"word": "OK", "colour": "ok"},
    "warn": {"word": "Look at this", "colour": "warn"},
    "bad": {"word": "Problem", "colour": "bad"},
}


def not_imported(integration: ProcoreIntegration) -> list[ProcoreInvoice]:
    """The latest that somebody should look at: not what just waits in Procore, nor what was approved long before."""
    rows = ProcoreInvoice.objects.filter(company_id=integration.company_id, integration=integration, invoice=None)
    news = ~Q(gate__in=(*gates.REVIEWABLE, *NO_NEWS)) | (reviewing.for_a_person(integration) & ~Q(why="before"))
    rows = reviewing.with_why(rows, integration).filter(news, dismissed=False).exclude(reason="")
    return list(rows.defer("snapshot", "imported", "evidence").order_by("-pk")[:LISTED])


def history(integration: ProcoreIntegration) -> dict[str, Any]:
    """The switch's past, newest first: what is shown at once, and what is folded away."""
    now = database_now()
    rows = mirroring.history(integration, PERIODS)
    for row in rows:
        row.length = how_long((row.ended_at or now) - row.started_at)
    return {"latest": rows[:PERIODS_SHOWN], "older": rows[PERIODS_SHOWN:], "cap": mirroring.COUNT_CAP}


def how_long(stretch: timedelta) -> str:
    """Its two largest parts: 3 days 4 hours, 5 minutes."""
    seconds = max(int(stretch.total_seconds()), 0)
    parts = [(seconds // 86400, "day"), (seconds // 3600 % 24, "hour"), (seconds // 60 % 60, "minute")]
    first = next((place for place, (many, _) in enumerate(parts) if many), None)
    if first is None:
        return "less than a minute"
    words = [f"{many} {name}{'' if many == 1 else 's'}" for many, name in parts[first : first + 2] if many]
    return " ".join(words)


def unreadable(integration: ProcoreIntegration) -> list[WebhookDelivery]:
    rows = WebhookDelivery.objects.filter(integration=integration, outcome=WebhookDelivery.Outcome.DEAD)
    return list(rows.order_by("-pk")[:SHOWN])


def check(integration: ProcoreIntegration) -> dict[str, Any]:
    """How the last look at the connection went, or how far the one under way is."""
    rows = integration.projects.filter(is_open=True)
    begun = integration.check_started_at
    said = {step["words"][:500] for step in integration.steps}
    return {
        "check_steps": [
            {**step, "label": steps.LABELS[step["name"]], "status": STEP_WORDS[step["state"]]}
            for step in steps.in_order(integration.steps)
        ],
        "unsaid": "" if integration.check_result in said else integration.check_result,
        "looked_at": rows.filter(checked_at__gte=begun).count() if begun else None,
        "to_look_at": rows.count() if begun else None,
    }


def connection(integration: ProcoreIntegration) -> dict[str, Any]:
    """Its projects, those with a problem first and at full length; and how far a change of the secret is."""
    rows = list(ProcoreProject.objects.filter(company_id=integration.company_id, integration=integration))
    rows.sort(key=lambda project: (project.number, project.name, project.pk))
    is_open = [project for project in rows if project.is_open]
    troubled = [project for project in is_open if project.problem or project.hook_problem]
    fine = [project for project in is_open if not (project.problem or project.hook_problem)]
    room = max(SHOWN - len(troubled), 0) if len(is_open) > SHOWN else len(fine)
    return {
        "projects": [*troubled, *fine[:room]],
        "more_projects": fine[room:],
        "closed_projects": [project for project in rows if not project.is_open],
        "environment": settings.PROCORE_ENVIRONMENTS.get(integration.environment, {}).get("label", ""),
        "secret_missing": len([project for project in rows if _is_behind(project, integration)]),
        "all_well": steps.ALL_WELL,
    }


def _is_behind(project: ProcoreProject, integration: ProcoreIntegration) -> bool:
    return bool(project.hook_id) and project.hook_secret_sha256 != integration.hook_secret_sha256


def missing_files(invoice: Invoice) -> list[ProcoreAttachment]:
    """The files of the original that are still to come, or could not be copied."""
    rows = ProcoreAttachment.objects.filter(company_id=invoice.company_id, procore_invoice__invoice=invoice)
    return list(rows.exclude(state=ProcoreAttachment.State.STORED).order_by("id"))


def happenings(invoice: Invoice, row: ProcoreInvoice | None) -> list[Happening]:
    """The approval as Procore tells it of the original, and the latest deliveries."""
    if row is None:
        return []
    deliveries = WebhookDelivery.objects.filter(
        company_id=invoice.company_id, integration_id=row.integration_id, procore_id=row.procore_id
    )
    found = [_of(delivery) for delivery in deliveries.order_by("-id")[:SHOWN]]
    if row.approved_at and invoice.from_procore:
        by = row.approved_by or "Procore"
        found.append(Happening(row.approved_at, "Approved in Procore", by, f"Procore id {row.procore_id}"))
    return found


def numbered(company: Company, number: str) -> QuerySet[ProcoreInvoice]:
    """The originals in Procore, imported or not, that carry this number or were imported as one that begins like it."""
    imported = Q(invoice__number_key__startswith=number_key(number))
    return ProcoreInvoice.objects.filter(imported | Q(number__istartswith=number), company=company)


def originals(company: Company, ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Number and address of these: the invoice's page where it was imported, else the one that says why not."""
    rows = ProcoreInvoice.objects.filter(company=company, pk__in=ids).select_related("invoice")
    return {
        row.pk: (row.number or f"Procore id {row.procore_id}", _page_of(row))
        for row in rows.defer("snapshot", "imported")
    }


def _page_of(row: ProcoreInvoice) -> str:
    if row.invoice is not None:
        return reverse("invoices:detail", kwargs={"public_id": row.invoice.public_id})
    named = {"kind": row.kind, "project": row.project_id, "id": row.procore_id}
    return f"{reverse('procore:why')}?{urlencode(named)}"


def call_subjects(invoice: Invoice) -> list[str]:
    """What the calls that an invoice caused are filed under, on either side."""
    mine = {"company_id": invoice.company_id, "invoice": invoice}
    row = following.original_of(invoice)
    found = [f"invoice:{invoice.pk}", f"vendor:{invoice.vendor_id}"]
    found += [f"bill:{pk}" for pk in Bill.objects.filter(**mine).values_list("pk", flat=True)]
    found += [f"sent_invoice:{pk}" for pk in SentInvoice.objects.filter(**mine).values_list("pk", flat=True)]
    found += [f"contract_payment:{pk}" for pk in ContractPayment.objects.filter(**mine).values_list("pk", flat=True)]
    if row is not None:
        files = ProcoreAttachment.objects.filter(company_id=invoice.company_id, procore_invoice=row)
        found += [f"procore_invoice:{row.pk}"]
        found += [f"procore_attachment:{pk}" for pk in files.values_list("pk", flat=True)]
    return found


WHAT_HAPPENED = {
    Invoice.SourceState.CHANGED: "The invoice was changed in Procore after inBuild had taken it over.",
    Invoice.SourceState.NO_LONGER_APPROVED: "The invoice was approved in Procore when it came, and no longer is.",
    Invoice.SourceState.DELETED: "The invoice was deleted in Procore after inBuild had taken it over.",
}
IN_BOOKS = "Its bill is in QuickBooks and stays as it is until a person decides."
NOT_IN_BOOKS = "No bill of it is in QuickBooks."
UNDER_WAY = "Its bill is on the way to QuickBooks."


def difference(invoice: Invoice, row: ProcoreInvoice | None) -> dict[str, Any] | None:
    """Everything `_difference.html` shows; None while the original is what was taken over, or was kept apart."""
    if row is None or invoice.source_state not in following.DIFFERENT:
        return None
    state = Invoice.SourceState(invoice.source_state)
    is_there = state != Invoice.SourceState.DELETED
    found = differences.between(row.imported, row.snapshot, is_there=is_there)
    told = (row.snapshot.get("last_change") if is_there else None) or {}
    bill: Bill | None = getattr(invoice, "bill", None)
    seen = auditing.history(invoice).filter(verb="invoice.source_changed").last()
    return {
        "title": state.label,
        "sentence": f"{WHAT_HAPPENED[state]} {_where(bill)}",
        "facts": [
            {"name": fact.name, "before": _shown(fact.before), "now": _shown(fact.now), "is_changed": fact.is_changed}
            for fact in found.facts
        ],
        "lines": found.lines,
        "lines_unknown": is_there and found.lines is None,
        "dollars": found.dollars,
        "changed_at": a_moment(told.get("at")),
        "changed_by": told.get("by", ""),
        "seen_at": seen.at if seen else None,
        "seen": following.shown_difference(invoice, row),
        "actions": _actions(invoice, bill, _shown(found.facts[-1].now)),
    }


def _where(bill: Bill | None) -> str:
    if bill is not None and bill.state == Bill.State.SYNCED:
        return IN_BOOKS
    under_way = bill is not None and bill.state in (Bill.State.SENDING, Bill.State.CHECKING)
    return UNDER_WAY if under_way else NOT_IN_BOOKS


UPDATE_WORDS = (
    "The bill in QuickBooks becomes what Procore shows now, and totals {due}. What was changed by hand in it there is "
    "replaced."
)
DELETE_WORDS = (
    "The bill is deleted from QuickBooks. The invoice stays here; it only goes to QuickBooks again if somebody chooses "
    "Sync after all."
)
KEEP_WORDS = "The bill in QuickBooks stays as it is, although Procore says something else. A further change asks again."


def _actions(invoice: Invoice, bill: Bill | None, due: str) -> list[dict[str, str]]:
    """What can be decided about a bill that is in the books, while no earlier decision is being carried out."""
    if bill is None or bill.state != Bill.State.SYNCED or BillChange.is_pending_for(bill):
        return []
    found = [("Keep as is", KEEP_WORDS, "procore_sync:keep")]
    if invoice.source_state != Invoice.SourceState.CHANGED:
        found.insert(0, ("Delete from QuickBooks", DELETE_WORDS, "procore_sync:delete_bill"))
    elif invoice.from_procore:  # the bill of an invoice made here says what its vendor sent
        found.insert(0, ("Update in QuickBooks", UPDATE_WORDS.format(due=due), "procore_sync:update_bill"))
    where = {"public_id": invoice.public_id}
    return [{"name": name, "words": words, "url": reverse(url, kwargs=where)} for name, words, url in found]


def _shown(value: differences.Value) -> str:
    if isinstance(value, Decimal):
        return money(value)
    return day(value) if isinstance(value, date) else value or ""


def _of(delivery: WebhookDelivery) -> Happening:
    times = f", {delivery.times_received} times" if delivery.times_received > 1 else ""
    words = f"Webhook received: {delivery.kind} {delivery.event}{times}"
    key = delivery.event_key.removeprefix("id:")[:40]
    return Happening(delivery.received_at, words, "Procore", key, is_minor=True)


STATE_COLOURS = {
    SentInvoice.State.READY: "muted",
    SentInvoice.State.SENDING: "info",
    SentInvoice.State.CHECKING: "info",
    SentInvoice.State.SENT: "info",
    SentInvoice.State.REFUSED: "bad",
}
STATUS_COLOURS = {"approved": "ok", "approved_as_noted": "ok", "revise_and_resubmit": "warn"}


def sent_card(invoice: Invoice, membership: Membership) -> dict[str, Any]:
    """Everything `_sent.html` shows; empty for an invoice that has no business with Procore."""
    if invoice.from_procore:
        return {}
    sent = SentInvoice.objects.filter(company_id=invoice.company_id, invoice=invoice).first()
    integration = ProcoreIntegration.active(invoice.company_id)
    can_be_sent = invoice.state == Invoice.State.SUBMITTED and integration is not None and integration.sends_invoices
    if sent is None and not can_be_sent:
        return {}
    waits = invoice.state == Invoice.State.SUBMITTED
    return {
        "invoice": invoice,
        "sent": sent,
        "sent_status": _sent_status(sent),
        "sent_problem": _sent_problem(sent),
        "sent_refusal": sending.refusal(invoice, integration) if waits else "",
        "sent_waits": waits,
        "sent_polls": sent is not None and sent.is_under_way,
        "sent_follows": sent is not None and sent.state == SentInvoice.State.SENT and waits,
        "is_approved_there": sending.is_approved_there(invoice),
        "can_send": membership.can_work,
        "workers_only": access.WORKERS_ONLY,
    }


PAYMENT_COLOURS = {
    ContractPayment.State.READY: "muted",
    ContractPayment.State.SENDING: "info",
    ContractPayment.State.CHECKING: "info",
    ContractPayment.State.TOLD: "ok",
    ContractPayment.State.GONE: "muted",
    ContractPayment.State.REFUSED: "bad",
}


def contract_payments(invoice: Invoice) -> list[dict[str, Any]]:
    """What Procore was told of the payments of this invoice's bill; one taken back counts no more."""
    rows = ContractPayment.objects.filter(company_id=invoice.company_id, invoice=invoice)
    return [
        {
            "row": row,
            "word": row.get_state_display(),
            "colour": PAYMENT_COLOURS[ContractPayment.State(row.state)],
            "on": date.fromisoformat(row.shown["date"]) if row.shown else None,
            "can_be_tried": bool(row.problem) and row.state != ContractPayment.State.SENDING,
        }
        for row in rows.exclude(state=ContractPayment.State.GONE).order_by("id")
    ]


def _sent_problem(sent: SentInvoice | None) -> str:
    """Its own, else why its record in Procore cannot be read now."""
    if sent is None or sent.state != SentInvoice.State.SENT:
        return sent.problem if sent else ""
    row = following.original_of(sent.invoice)
    return row.reason if row is not None and row.gate == "found" and row.status else ""


def _sent_status(sent: SentInvoice | None) -> dict[str, str]:
    if sent is None:
        return {"word": "Not in Procore", "colour": "muted"}
    word, colour = sent.get_state_display(), STATE_COLOURS[SentInvoice.State(sent.state)]
    if sent.state == SentInvoice.State.SENT:
        word, colour = sent.status_words or word, STATUS_COLOURS.get(sent.status, colour)
    elif sent.state == SentInvoice.State.REFUSED:
        word = "Deleted in Procore" if sent.procore_id else "Not in Procore"
    return {"word": word, "colour": colour}
