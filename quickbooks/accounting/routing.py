"""Which QuickBooks takes an invoice's bill: the one there is, or of several company files the one of its project."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Lower

from accounting import waking
from accounting.models import Bill, Integration, ProjectBooks
from companies import auditing
from companies.models import Company, User
from invoices.models import Invoice, Project


def books_of(invoice: Invoice) -> Integration | None:
    """Where its bill goes: the one QuickBooks there is, or of several company files its project's. None: not said."""
    active = Integration.ready_for(invoice.company_id)
    return ProjectBooks.of(invoice, active) if len(active) > 1 else next(iter(active), None)


def choose(project: Project, integration: Integration, *, user: User) -> int:
    """A person says which company file the bills of a project go to. Returns how many bills that frees.

    What is in a file, or may be, stays with it.
    """
    with transaction.atomic():
        before = ProjectBooks.objects.filter(project=project).first()
        if before is not None and before.integration_id == integration.pk:
            return 0
        ProjectBooks.objects.update_or_create(
            project=project, defaults={"company_id": project.company_id, "integration": integration, "by": user}
        )
        auditing.record(
            project.company_id,
            "project.books",
            project,
            f"Bills of {project} go to {integration.account_name}",
            user=user,
            before={"file": str(before.integration.account_name)} if before else None,
            after={"file": integration.account_name},
        )
        freed = waking.wake(project.company_id, "which_file", Bill.WAITS_FOR_PC)
        # What was missing in one file may be there in the other.
        elsewhere = Bill.objects.filter(company_id=project.company_id, invoice__project=project)
        return freed + len(Bill.go_on(elsewhere, "Goes to another company file", job="settings"))


def choose_for_the_rest(company: Company, integration: Integration, *, user: User) -> tuple[int, int]:
    """The projects of which nobody has said yet. Returns how many, and how many bills that frees."""
    count = freed = 0
    for project in Project.objects.filter(_open(company)).order_by("id"):
        freed += choose(project, integration, user=user)
        count += 1
    return count, freed


PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A project, the file its bills go to, and what waits until somebody says which."""

    project: Project
    file: Integration | None
    bills: int
    total: Decimal


def page(company: Company, *, text: str = "", after: str = "") -> tuple[list[Row], str]:
    """Projects whose bills wait first, then those without a file, then the rest, each by name."""
    rows = _ranked(company)
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(number__icontains=text))
    if after.isdecimal() and len(after) < 19 and (last := _ranked(company).filter(pk=int(after)).first()) is not None:
        rank, sort = last.rank, last.sort
        rows = rows.filter(Q(rank__gt=rank) | Q(rank=rank, sort__gt=sort) | Q(rank=rank, sort=sort, pk__gt=last.pk))
    found = list(rows.order_by("rank", "sort", "pk")[: PAGE + 1])
    shown = found[:PAGE]
    chosen = ProjectBooks.objects.filter(project__in=shown).exclude(integration__state="disconnected")
    files = {row.project_id: row.integration for row in chosen.select_related("integration")}
    waiting = _waiting(company, shown)
    made = [Row(one, files.get(one.pk), *waiting.get(one.pk, (0, Decimal(0)))) for one in shown]
    return made, str(shown[-1].pk) if len(found) > PAGE else ""


def undecided(company: Company) -> int:
    """Projects of which nobody has said yet which file takes their bills."""
    return Project.objects.filter(_open(company)).count()


def _open(company: Company) -> Q:
    return Q(~Exists(_decided()), company=company)


def _decided() -> QuerySet[ProjectBooks]:
    return ProjectBooks.objects.filter(project=OuterRef("pk")).exclude(integration__state="disconnected")


def _ranked(company: Company) -> QuerySet[Any]:
    waits = Bill.objects.filter(invoice__project=OuterRef("pk"), problem="which_file")
    rank = Case(
        When(Exists(waits), then=Value(0)),
        When(Exists(_decided()), then=Value(2)),
        default=Value(1),
        output_field=IntegerField(),
    )
    rows: QuerySet[Any] = Project.objects.filter(company=company)
    ranked: QuerySet[Any] = rows.annotate(rank=rank, sort=Lower("name"))
    return ranked


def _waiting(company: Company, projects: list[Project]) -> dict[int, tuple[int, Decimal]]:
    rows = Bill.objects.filter(company=company, problem="which_file", invoice__project__in=projects)
    found = rows.values("invoice__project").annotate(
        bills=Count("pk"), total=Sum("invoice__amount_due", default=Decimal(0))
    )
    return {row["invoice__project"]: (row["bills"], row["total"]) for row in found}
