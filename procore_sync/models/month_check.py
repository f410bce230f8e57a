"""One look whether a month is complete: what Procore lists, project by project, and what came of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from companies.models import Company, User
from inbuild.queue import WorkRow, mine, ring
from procore_sync.bells import COMPLETENESS_DUE
from procore_sync.models.integration import ProcoreIntegration


class MonthCheck(WorkRow):
    """One press of *Check this month*, and the work row of it.

    `projects` are those to read, `listed` what was read of each by its id, `result` what was found, once `done_at`.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    integration = models.ForeignKey(ProcoreIntegration, on_delete=models.PROTECT, related_name="+")
    month = models.DateField(help_text="Its first day. Invoices belong to it by their billing date in Procore.")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    projects = models.JSONField(default=list)
    listed = models.JSONField(default=dict)
    books_asked_at = models.DateTimeField(null=True)
    waits_for = models.CharField(max_length=300, blank=True)
    result = models.JSONField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "month"], condition=Q(done_at=None), name="one_open_check_of_a_month"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "next_at"], condition=Q(next_at__isnull=False), name="month_check_due"),
            models.Index(fields=["company", "month", "id"], name="month_check_of_month"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%B %Y}"

    @classmethod
    def ask(cls, integration: ProcoreIntegration, month: date, *, user: User) -> MonthCheck:
        """Begin one, or join the one that is under way."""
        with transaction.atomic():
            projects = integration.projects.filter(is_open=True).order_by("number", "name", "procore_id")
            check, _ = cls.objects.get_or_create(
                company_id=integration.company_id,
                month=month.replace(day=1),
                done_at=None,
                defaults={
                    "integration": integration,
                    "asked_by": user,
                    "next_at": Now(),
                    "projects": [{"id": project.procore_id, "name": str(project)} for project in projects],
                },
            )
            ring(COMPLETENESS_DUE, integration.company_id)
        return check

    @property
    def next_project(self) -> dict[str, Any] | None:
        """The next one to read in Procore."""
        return next((project for project in self.projects if str(project["id"]) not in self.listed), None)

    @property
    def parts(self) -> int:
        """Of how many steps it is made: each project, then the books."""
        return len(self.projects) + 1

    @property
    def parts_done(self) -> int:
        return len(self.listed) + bool(self.done_at)

    def go_on(self, next_at: Any, **facts: Any) -> None:
        """Keep what was found, if nobody else has this row by now, and come back at `next_at`."""
        mine(self).update(lease_until=None, failures=0, next_at=next_at, **facts)
