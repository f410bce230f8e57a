"""I11: rotating tokens survive concurrency: eight processes, forty rounds, forty refreshes, none refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.db import connection
from django.utils import timezone

from accounting.models import Integration
from companies.models import Company, User
from qbo.models import Token
from tests.support.emulated import REALM, IntuitEmulator

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES, ROUNDS = 8, 40
ROOT = Path(__file__).resolve().parents[2]
# Each round every process finds the pair of that round stale, and says so at the same moment.
CHILD = """
import sys
import django
django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
settings.QBO_DISCOVERY_URL = sys.argv[2]
from accounting.backends import NeedsReconnect
from accounting.models import Integration
from qbo import tokens
integration = Integration.objects.get(pk=int(sys.argv[3]))
for line in sys.stdin:
    try:
        print(tokens.after_refusal(integration, line.strip()), flush=True)
    except NeedsReconnect:
        integration.needs_reconnect()
        print("needs reconnect", flush=True)
"""


def child(integration: Integration, settings: Any, **env: str) -> subprocess.Popen[str]:
    name = str(connection.settings_dict["NAME"])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, name, settings.QBO_DISCOVERY_URL, str(integration.pk)],
        cwd=ROOT,
        env=os.environ | env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def ask(children: list[subprocess.Popen[str]], refused: str) -> list[str]:
    for one in children:
        assert one.stdin is not None
        one.stdin.write(f"{refused}\n")
        one.stdin.flush()
    return [one.stdout.readline().strip() if one.stdout else "" for one in children]


def end(children: list[subprocess.Popen[str]]) -> None:
    for one in children:
        if one.stdin is not None:
            one.stdin.close()
        one.wait(timeout=20)
        if one.stdout is not None:
            one.stdout.close()


def oauth(intuit: IntuitEmulator) -> Mapping[str, int]:
    found: Mapping[str, int] = intuit.get("oauth")["realms"][REALM]
    return found


def test_i11(quickbooks: Integration, intuit: IntuitEmulator, settings: Any, figures: Callable[[str], None]) -> None:
    """The emulator gives a new refresh token each time and ends everything when an old one comes back."""
    intuit.switches(refresh_rotation="every_refresh", old_refresh_token="refused_and_ends_all")
    before = oauth(intuit)
    children = [child(quickbooks, settings) for _ in range(PROCESSES)]
    try:
        for _ in range(ROUNDS):
            answers = ask(children, Token.objects.get().access_token)
            assert set(answers) == {Token.objects.get().access_token}
    finally:
        end(children)
    after = oauth(intuit)
    refreshes, refused = (after[name] - before[name] for name in ("refreshes", "invalid_grant"))
    figures(f"processes {PROCESSES} · rounds {ROUNDS} · refresh calls {refreshes} · invalid_grant {refused}")
    assert (refreshes, refused) == (ROUNDS, 0)
    assert Integration.objects.get().state == "connected"


@pytest.mark.parametrize("old", ["refused", "valid_24h"])
def test_a_kill_between_answer_and_commit_is_mended_or_shown(
    old: str,
    quickbooks: Integration,
    intuit: IntuitEmulator,
    admin: User,
    company: Company,
    as_user: Any,
    settings: Any,
    figures: Callable[[str], None],
) -> None:
    """Either Intuit still takes the token before, or one *Reconnect* is shown; never a loop of refused refreshes."""
    assert project.QBO_WEBHOOK_VERIFIER_TOKEN
    intuit.switches(refresh_rotation="every_refresh", old_refresh_token=old)
    stale = Token.objects.get().access_token
    killed = child(quickbooks, settings, FAULTPOINTS="token.after_answer=kill:1")
    assert ask([killed], stale) == [""]
    assert killed.wait(timeout=20) == -9
    end([killed])
    assert Token.objects.get().generation == 1
    Token.objects.update(refreshing_until=timezone.now())  # its lease is over
    before = oauth(intuit)["invalid_grant"]
    children = [child(quickbooks, settings) for _ in range(3)]
    try:
        for _ in range(3):
            answers = ask(children, stale)
    finally:
        end(children)
    refused = oauth(intuit)["invalid_grant"] - before
    state = Integration.objects.get().state
    figures(f"old token {old} · kills 1 · invalid_grant {refused} · {state}")
    if old == "valid_24h":
        assert (state, refused) == ("connected", 0)
        assert "needs reconnect" not in answers
    else:
        assert (state, refused) == ("needs_reconnect", 1)
        assert "Reconnect QuickBooks" in as_user(admin).get("/invoices/").content.decode()
