"""The first company and admin of a new installation."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from companies.models import Company, Membership, User

pytestmark = pytest.mark.django_db
GETPASS = "companies.management.commands.add_company.getpass"


def test_the_first_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GETPASS, lambda _: "a-long-enough-password")
    call_command("add_company", "Northgate", "Dana@Example.com", time_zone="America/Denver")
    found = Membership.objects.get()
    assert (found.company.name, found.user.email, found.role) == ("Northgate", "dana@example.com", "admin")
    assert found.user.check_password("a-long-enough-password")


@pytest.mark.parametrize(
    ("email", "zone", "password"),
    [
        ("no-address", "UTC", "a-long-enough-password"),
        ("a@example.com", "Mars/Olympus", "a-long-enough-password"),
        ("a@example.com", "UTC", "short"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    email: str, zone: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GETPASS, lambda _: password)
    with pytest.raises(CommandError):
        call_command("add_company", "Northgate", email, time_zone=zone)
    assert not Company.objects.exists()
    assert not User.objects.exists()
