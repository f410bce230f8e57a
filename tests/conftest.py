"""Fixtures: companies with their people, and the emulators on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.db import connection
from django.test import Client

from accounting.models import Integration
from companies.models import Company, Membership, Role, User
from inbuild import pacing
from procore_sync.models import ProcoreIntegration
from tests.servers import own_database
from tests.support import connected, migrated, work
from tests.support.desktop import DesktopEmulator
from tests.support.emulated import IntuitEmulator, ProcoreEmulator
from tests.support.emulator_process import running_emulator

PASSWORD = "a-long-enough-password"

# A busy machine is no finding: Hypothesis judges what it finds, not how long it took.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """pytest-django copies the tables from the database beside its own, instead of making each anew."""
    if server := own_database():
        migrated.fill(server)
        connection.settings_dict["TEST"]["TEMPLATE"] = connection.settings_dict["NAME"]


@pytest.fixture
def company(db: None) -> Company:
    return Company.objects.create(name="Northgate Builders", time_zone="America/Chicago")


@pytest.fixture
def other_company(db: None) -> Company:
    return Company.objects.create(name="Ridgeline Contractors", time_zone="America/Denver")


def person(company: Company, email: str, role: Role) -> User:
    user = User.objects.create_user(email, PASSWORD, name=email.split("@")[0].title())
    Membership.objects.create(company=company, user=user, role=role)
    return user


@pytest.fixture
def admin(company: Company) -> User:
    return person(company, "admin@northgate.example", Role.ADMIN)


@pytest.fixture
def accountant(company: Company) -> User:
    return person(company, "accountant@northgate.example", Role.ACCOUNTANT)


@pytest.fixture
def viewer(company: Company) -> User:
    return person(company, "viewer@northgate.example", Role.VIEWER)


@pytest.fixture
def outsider(other_company: Company) -> User:
    """Admin of another company: must see nothing."""
    return person(other_company, "admin@ridgeline.example", Role.ADMIN)


@pytest.fixture
def as_user() -> Any:
    """A signed-in client that checks form tokens, as a browser's requests are checked."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture(scope="session")
def procore_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ledger: Path = tmp_path_factory.mktemp("procore") / "ledger.sqlite"
    with running_emulator("procore", ledger, "--seed", "demo", "--rate-limit", "off") as url:
        yield url


@pytest.fixture(scope="session")
def intuit_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ledger: Path = tmp_path_factory.mktemp("intuit") / "ledger.sqlite"
    with running_emulator("intuit", ledger, "--seed", "demo", "--limits", "off") as url:
        yield url


@pytest.fixture(scope="session")
def desktop_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ledger: Path = tmp_path_factory.mktemp("desktop") / "ledger.sqlite"
    with running_emulator("desktop", ledger, "--seed", "demo") as url:
        yield url


@pytest.fixture
def procore(procore_process: str, settings: Any) -> ProcoreEmulator:
    """Procore's emulator, as seeded, with no faults; the product is pointed at it."""
    settings.PROCORE_ENVIRONMENTS = {
        **settings.PROCORE_ENVIRONMENTS,
        "custom": {"label": "Emulator", "login": procore_process, "api": procore_process, "ui": procore_process},
    }
    settings.PROCORE_QUARANTINE_SECONDS = 0
    emulator = ProcoreEmulator(procore_process)
    emulator.reset()
    work.forget_pacing()
    return emulator


@pytest.fixture
def intuit(intuit_process: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> IntuitEmulator:
    """Intuit's emulator, as seeded, with no faults nor limits; the product is pointed at it, and in a hurry."""
    # Else most of a test's time goes by with waiting for the next of 500 calls a minute.
    monkeypatch.setattr(pacing.PacedWindow, "SHARE", 100)
    settings.QBO_DISCOVERY_URL = f"{intuit_process}/.well-known/openid_configuration"
    settings.QBO_API_URL = f"{intuit_process}/v3"
    settings.QBO_UI_URL = intuit_process
    settings.QBO_TIMEOUT_SECONDS = 2
    settings.QBO_QUARANTINE_SECONDS = 0
    emulator = IntuitEmulator(intuit_process)
    emulator.reset()
    work.forget_pacing()
    return emulator


@pytest.fixture
def desktop(desktop_process: str) -> DesktopEmulator:
    """A PC with QuickBooks Desktop and the Web Connector, as seeded, with no application and no cuts."""
    emulator = DesktopEmulator(desktop_process)
    emulator.reset()
    return emulator


@pytest.fixture
def quickbooks(intuit: IntuitEmulator, company: Company, admin: User) -> Integration:
    """The company's QuickBooks Online, connected by OAuth, with its accounts chosen."""
    return connected.quickbooks(intuit, company, admin)


@pytest.fixture(scope="session")
def procore_as_connected() -> connected.ProcoreAsConnected:
    return connected.ProcoreAsConnected()


@pytest.fixture
def procore_integration(
    procore: ProcoreEmulator, company: Company, admin: User, procore_as_connected: connected.ProcoreAsConnected
) -> ProcoreIntegration:
    """The company's Procore, connected with its service account, hooks and all."""
    return procore_as_connected.connect(procore, company, admin)
