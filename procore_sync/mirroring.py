"""The switch: set to on, set to off, and what was on when."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounting.models import Integration
from companies import auditing
from companies.models import User
from inbuild.queue import ring
from procore_sync.bells import IMPORT_DUE
from procore_sync.gates import Period
from procore_sync.models import MirroringPeriod, ProcoreIntegration, ProcoreInvoice

NEEDS_QUICKBOOKS = "Connect QuickBooks first: without an active QuickBooks integration there is nowhere to sync to."


class CannotSwitch(Exception):
    """The switch cannot be turned on; the text says why."""


def is_on(integration: ProcoreIntegration) -> bool:
    return open_period(integration) is not None


def open_period(integration: ProcoreIntegration) -> MirroringPeriod | None:
    rows = MirroringPeriod.objects.filter(integration=integration, ended_at=None)
    return rows.select_related("started_by").first()


def last_period(integration: ProcoreIntegration) -> MirroringPeriod | None:
    """The latest one that has ended: since when it is off, and by whom."""
    rows = MirroringPeriod.objects.filter(integration=integration).exclude(ended_at=None)
    return rows.select_related("ended_by").order_by("-ended_at").first()


def set_to(integration: ProcoreIntegration, wanted: bool, *, user: User) -> None:
    """Turn the switch on or off. Setting it to what it is already changes nothing and writes nothing.

    Takes the ProcoreIntegration row `FOR UPDATE`, so it waits for imports that hold it `FOR SHARE`, and every import
    after it sees the new state. Raises CannotSwitch.
    """
    with transaction.atomic(durable=True):
        row = ProcoreIntegration.objects.select_for_update().get(pk=integration.pk)
        period = MirroringPeriod.objects.filter(integration=row, ended_at=None).first()
        if wanted and period is None:
            if not row.is_active:
                raise CannotSwitch("Connect Procore first.")
            if not Integration.active(row.company_id).exists():
                raise CannotSwitch(NEEDS_QUICKBOOKS)
            MirroringPeriod.objects.create(company_id=row.company_id, integration=row, started_by=user)
            _audit(row, "on", user)
            _look_at_everything(row)
        elif not wanted and period is not None:
            MirroringPeriod.objects.filter(pk=period.pk).update(ended_at=Now(), ended_by=user)
            _audit(row, "off", user)


def _look_at_everything(integration: ProcoreIntegration) -> None:
    """Note which invoices are unapproved at this moment, and take up what was approved while it was on before."""
    integration.compare_soon()
    late = ProcoreInvoice.objects.filter(integration=integration, invoice=None, gate="switch")
    late.update(wanted=F("wanted") + 1, next_at=Now())
    ring(IMPORT_DUE, integration.company_id)


def periods(integration: ProcoreIntegration) -> list[Period]:
    rows = MirroringPeriod.objects.filter(integration=integration).order_by("started_at", "id")
    return [Period(row.started_at, row.ended_at) for row in rows]


def _audit(integration: ProcoreIntegration, to: str, user: User) -> None:
    other = "off" if to == "on" else "on"
    sentence = f"Sync invoices approved in Procore to QuickBooks: turned {to}"
    auditing.record(
        integration.company_id,
        f"mirroring.{to}",
        integration,
        sentence,
        user=user,
        before={"switch": other},
        after={"switch": to},
    )
