"""Creates a company with its first admin, who can then do the rest on the pages."""

from __future__ import annotations

from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from companies.models import Company, Membership, Role, User, check_time_zone


class Command(BaseCommand):
    help = "Create a company and its first admin; asks for the admin's password if the person is new."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("email")
        parser.add_argument("--time-zone", default="America/New_York")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].lower()
        try:
            validate_email(email)
            check_time_zone(options["time_zone"])
            user = User.objects.filter(email=email).first() or self._new_user(email)
        except ValidationError as exc:
            raise CommandError(" ".join(exc.messages)) from exc
        company = Company.objects.create(name=options["name"], time_zone=options["time_zone"])
        Membership.objects.create(company=company, user=user, role=Role.ADMIN)
        self.stdout.write(f"{company} was created; {user.email} is its admin.")

    def _new_user(self, email: str) -> User:
        password = getpass("Password of the new admin: ")
        validate_password(password, User(email=email))
        return User.objects.create_user(email, password)
