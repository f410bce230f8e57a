"""The switch: set to on, set to off, and what was on when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from accounting.models import Integration
from companies import auditing
from companies.models import User
from inbuild.queue import ring
from procore_sync.bells import IMPORT_DUE
from procore_sync.gates import GRACE, REVIEWABLE, Period
from procore_sync.models import MirroringPeriod, ProcoreIntegration, ProcoreInvoice

NEEDS_QUICKBOOKS = "Connect QuickBooks first: without an active QuickBooks integration there is nowhere to sync to."

# The history counts no further than this, however long the switch was on.
COUNT_CAP = 1000


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

    Takes the ProcoreIntegration row `FOR NO KEY UPDATE`, so it waits for imports that hold it `FOR SHARE`, and every
    import after it sees the new state; whoever only stores a row that points to it does not wait. Raises CannotSwitch.
    """
    with transaction.atomic(durable=True):
        row = ProcoreIntegration.objects.select_for_update(no_key=True).get(pk=integration.pk)
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
    # In the order in which everybody takes several of them.
    chosen = list(late.order_by("pk").select_for_update().values_list("pk", flat=True))
    late.filter(pk__in=chosen).update(wanted=F("wanted") + 1, next_at=Now())
    ring(IMPORT_DUE, integration.company_id)


def periods(integration: ProcoreIntegration) -> list[Period]:
    rows = MirroringPeriod.objects.filter(integration=integration).order_by("started_at", "id")
    return [Period(row.started_at, row.ended_at) for row in rows]


class CappedCount(Subquery):
    """How many rows a sliced query finds."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS found)"

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.values("pk")[: COUNT_CAP + 1], output_field=IntegerField())


def history(integration: ProcoreIntegration, limit: int) -> list[Any]:
    """When the switch was on, newest first, each MirroringPeriod with its own figures.

    `next_on`: when it went on again; `imported`: how many came by themselves while it was on; `approved_off` and
    `left_out`: how many were approved in Procore after its end while it was off, and how many of them are not here.
    """
    periods = MirroringPeriod.objects.filter(integration=integration)
    after = periods.filter(started_at__gt=OuterRef("started_at")).order_by("started_at")
    theirs = ProcoreInvoice.objects.filter(integration=integration)
    came = theirs.filter(imported_at__gte=OuterRef("started_at"), backfill=None)
    # Two clocks are compared, so what is within the grace of a period counts as inside it.
    missed = theirs.filter(
        # Neither what is no bill at all nor what inBuild itself sent.
        Q(invoice__isnull=False) | Q(gate__in=REVIEWABLE),
        approved_at__gt=OuterRef("ended_at") + GRACE,
        approved_at__lt=Coalesce(OuterRef("next_on") - GRACE, Now() + timedelta(days=1)),
    )
    rows = periods.annotate(
        next_on=Subquery(after.values("started_at")[:1]),
        imported=CappedCount(came.filter(imported_at__lte=Coalesce(OuterRef("ended_at"), Now()))),
    ).annotate(approved_off=CappedCount(missed), left_out=CappedCount(missed.filter(invoice=None)))
    return list(rows.select_related("started_by", "ended_by").order_by("-started_at", "-pk")[:limit])


def stretch_off(period: MirroringPeriod) -> tuple[Any, Any]:
    """From when to when it was off after this period; the second is None while it still is."""
    later = MirroringPeriod.objects.filter(integration=period.integration_id, started_at__gt=period.started_at)
    return period.ended_at, later.order_by("started_at").values_list("started_at", flat=True).first()


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
