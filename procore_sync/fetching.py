"""Reads one invoice of Procore's as it is now: its record, lines, own sums and approval."""

from __future__ import annotations

from dataclasses import dataclass

from procore_sync import records
from procore_sync.client import Forbidden, NotFound, Procore, Refused, Unavailable
from procore_sync.models import ProcoreInvoice, ProcoreProject
from procore_sync.reading import Unreadable
from procore_sync.records import Approval, Line, Record


@dataclass(frozen=True, slots=True)
class Fetched:
    """What Procore shows now; `record` None when it shows nothing. `mismatch` says which of its sums does not hold.

    `is_odd`: it is approved, but its history ends with an approval that was taken back.
    """

    record: Record | None
    lines: tuple[Line, ...] = ()
    mismatch: str = ""
    approval: Approval | None = None
    last_change: Approval | None = None
    is_odd: bool = False

    @property
    def fingerprint(self) -> str:
        return records.fingerprint(self.record, self.lines, self.mismatch) if self.record else ""


def fetch(row: ProcoreInvoice) -> Fetched:
    """The current state. Raises ProcoreError and Unreadable; lines and history are only read of an approved one."""
    procore = Procore(row.integration, f"procore_invoice:{row.pk}", urgent=row.priority == ProcoreInvoice.Priority.NOW)
    try:
        read = _direct_cost if row.kind == ProcoreInvoice.Kind.DIRECT_COST else _subcontractor_invoice
        found = read(procore, row)
    except NotFound:
        # Procore also answers 404 for a record one may not see, and that must not count as a deletion.
        _make_sure_of_access(procore, row)
        return Fetched(None)
    except Forbidden as exc:
        raise Forbidden(f"Procore does not let inBuild read {_project(row)}. {exc}") from exc
    if found.record and (found.record.procore_id, found.record.project_id) != (row.procore_id, row.project_id):
        raise Unreadable("It is not the invoice that was asked for.")
    return found


def fetch_record(procore: Procore, row: ProcoreInvoice) -> Record | None:
    """The invoice without its lines and history; None when Procore shows none. Raises ProcoreError and Unreadable."""
    try:
        if row.kind == ProcoreInvoice.Kind.DIRECT_COST:
            data = procore.direct_cost(row.project_id, row.procore_id)
            return None if data.get("deleted_at") else records.direct_cost(data, row.project_id)
        return records.subcontractor_invoice(procore.subcontractor_invoice(row.project_id, row.procore_id))
    except NotFound:
        _make_sure_of_access(procore, row)
        return None


def _subcontractor_invoice(procore: Procore, row: ProcoreInvoice) -> Fetched:
    data = procore.subcontractor_invoice(row.project_id, row.procore_id)
    record = records.subcontractor_invoice(data)
    if not record.is_approved:
        return Fetched(record, last_change=_last_change(procore, row))
    try:
        detail = procore.subcontractor_invoice_lines(row.project_id, row.procore_id)
        history = procore.change_history(row.project_id, row.procore_id)
    except NotFound as exc:
        # The invoice itself is there, so this is a missing permission or a moment's confusion, not a deletion.
        raise Unavailable("Procore shows the invoice but not its lines or history. inBuild tries again.") from exc
    lines, amounts = records.subcontractor_invoice_lines(detail, data.get("items"))
    mismatch, approval = records.mismatch(data, amounts), records.approval(history)
    is_odd = approval is None and records.tells_of_approval(history)
    return Fetched(record, lines, mismatch, approval, records.last_change(history), is_odd)


def _last_change(procore: Procore, row: ProcoreInvoice) -> Approval | None:
    """Who took the approval back is worth a call only where a bill was made of it."""
    if row.invoice_id is None:
        return None
    try:
        return records.last_change(procore.change_history(row.project_id, row.procore_id))
    except (NotFound, Forbidden, Refused):
        return None


def _direct_cost(procore: Procore, row: ProcoreInvoice) -> Fetched:
    data = procore.direct_cost(row.project_id, row.procore_id)
    if data.get("deleted_at"):
        return Fetched(None)
    record = records.direct_cost(data, row.project_id)
    if not record.is_approved or record.cost_type != "invoice":
        return Fetched(record)
    return Fetched(record, records.direct_cost_lines(data))


def _make_sure_of_access(procore: Procore, row: ProcoreInvoice) -> None:
    try:
        procore.project(row.project_id)
    except (NotFound, Forbidden) as exc:
        raise Forbidden(
            f"Procore no longer shows {_project(row)} to inBuild. Add the project to the app's permitted projects in "
            "Procore, then check again."
        ) from exc


def _project(row: ProcoreInvoice) -> str:
    found = ProcoreProject.objects.filter(integration_id=row.integration_id, procore_id=row.project_id).first()
    return f"project {found}" if found else f"the project with id {row.project_id}"
