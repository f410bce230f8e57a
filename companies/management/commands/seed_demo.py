"""Creates the demo's two companies with their people; running it again changes nothing."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from companies.models import Company, Membership, Role, User

PASSWORD = "northgate-demo-2026"  # noqa: S105 - printed on the screen of a demo that only this machine can reach
PEOPLE = (
    ("Northgate Builders", "America/Chicago", "admin@northgate.example", "Dana Whitfield", Role.ADMIN),
    ("Northgate Builders", "America/Chicago", "accountant@northgate.example", "Luis Ortega", Role.ACCOUNTANT),
    ("Northgate Builders", "America/Chicago", "viewer@northgate.example", "Priya Raman", Role.VIEWER),
    ("Ridgeline Contractors", "America/Denver", "admin@ridgeline.example", "Morgan Reyes", Role.ADMIN),
)


class Command(BaseCommand):
    help = "Create the demo's companies and people (refused in production)."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("seed_demo makes accounts with a known password and is refused in production.")
        signs = [self._person(*person) for person in PEOPLE]
        self.stdout.write(json.dumps({"sign_ins": signs}))

    def _person(self, company_name: str, zone: str, email: str, name: str, role: Role) -> dict[str, str]:
        company, _ = Company.objects.get_or_create(name=company_name, defaults={"time_zone": zone})
        user = User.objects.filter(email=email).first() or User.objects.create_user(email, PASSWORD, name=name)
        Membership.objects.get_or_create(company=company, user=user, defaults={"role": role})
        return {"email": email, "password": PASSWORD, "company": company_name, "role": Role(role).label}
