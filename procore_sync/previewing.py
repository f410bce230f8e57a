"""What turning the switch on will and will not do, counted from the last full compare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q

from accounting.models import Integration, ListEntry, Mapping
from inbuild.queue import database_now
from procore_sync import following, reviewing
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject
from procore_sync.reviewing import Totals


@dataclass(frozen=True, slots=True)
class Vendors:
    """How many vendors approved invoices name, and how many of them QuickBooks does not know by that name."""

    count: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Preview:
    """`earlier` stay out until a person chooses them; `late` come by themselves once the switch is on again."""

    earlier: Totals
    late: Totals
    projects: int
    counted: int
    counted_at: datetime | None
    is_counting: bool
    unreadable: list[ProcoreProject]
    vendors: Vendors | None


def preview(integration: ProcoreIntegration) -> Preview:
    by_why = reviewing.totals_by_why(reviewing.everything(integration))
    now = database_now()
    projects = list(ProcoreProject.objects.filter(integration=integration, is_open=True).order_by("number", "name"))
    pending = [project for project in projects if project.compare_due_at is None or project.compare_due_at <= now]
    # A project that fails is tried again for ever; saying which it is helps more than counting for ever.
    unreadable = [project for project in pending if project.problem]
    compared = [project.compared_at for project in projects if project.compared_at]
    return Preview(
        earlier=reviewing.together(
            total for why, total in by_why.items() if why not in ("", "not_arrived", "dismissed")
        ),
        late=by_why["not_arrived"],
        projects=len(projects),
        counted=len(projects) - len(pending),
        # What is older than the oldest reading of any project may have changed there.
        counted_at=min(compared, default=None),
        is_counting=integration.state == integration.State.CONNECTED and len(pending) > len(unreadable),
        unreadable=unreadable,
        vendors=_vendors(integration),
    )


def _vendors(integration: ProcoreIntegration) -> Vendors | None:
    """None while the vendors of the books were not read: then nobody can say which are missing there.

    Vendors that inBuild itself looked up or made are all mapped, so one without a mapping shows that the list was read.
    """
    books = Integration.active(integration.company_id)
    listed = ListEntry.objects.filter(integration__in=books, kind=ListEntry.Kind.VENDOR, active=True)
    if not listed.filter(mappings=None).exists():
        return None
    same_name = listed.filter(name__iexact=OuterRef("vendor_name"))
    mapped = Mapping.objects.filter(
        integration__in=books, entry__active=True, vendor__name__iexact=OuterRef("vendor_name")
    )
    rows = ProcoreInvoice.objects.filter(
        company_id=integration.company_id,
        integration=integration,
        invoice=None,
        status__in=following.approved_statuses(integration),
    ).exclude(vendor_name="")
    found = rows.annotate(is_known=Exists(same_name) | Exists(mapped)).aggregate(
        count=Count("vendor_name", distinct=True),
        unknown=Count("vendor_name", distinct=True, filter=Q(is_known=False)),
    )
    return Vendors(found["count"], found["unknown"]) if found["count"] else None
