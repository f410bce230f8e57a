"""After disconnecting: our hooks are removed in Procore and the sign-in is given back, as far as Procore lets us."""

from __future__ import annotations

import time
from contextlib import suppress

from django.db.models import F
from django.db.models.functions import Now

from inbuild.queue import backoff, mine
from procore_sync import hooks, tokens
from procore_sync.client import Procore, ProcoreError, SignInRefused, Unavailable
from procore_sync.keeping import STRETCH_SECONDS, still_ours
from procore_sync.models import ProcoreIntegration, ProcoreProject

TRIES = 5


def leave(integration: ProcoreIntegration) -> None:
    """One stretch of it. Tried a few times, then left: the door ignores what still comes. Raises Taken."""
    try:
        if not _removed(integration, Procore(integration, "disconnect", urgent=False)):
            mine(integration).update(lease_until=None)
            return
    except Unavailable as exc:
        if integration.failures < TRIES:
            wait = max(exc.wait, backoff(integration.failures))
            mine(integration).update(next_at=Now() + wait, lease_until=None, failures=F("failures") + 1)
            return
    except SignInRefused:
        pass  # without a sign-in nothing can be removed
    still_ours(integration)
    with suppress(ProcoreError):
        tokens.revoke(integration)
    forgotten = {"access_token": "", "refresh_token": "", "access_expires_at": None, "client_secret": ""}
    mine(integration).update(**forgotten, next_at=None, lease_until=None, failures=0)


def _removed(integration: ProcoreIntegration, procore: Procore) -> bool:
    """True when none is left that we could remove."""
    until = time.monotonic() + STRETCH_SECONDS
    rows = ProcoreProject.objects.filter(integration=integration)
    for project in rows.exclude(hook_id=""):
        if time.monotonic() > until:
            return False
        still_ours(integration)
        _remove(procore, integration, project)
        rows.filter(pk=project.pk).update(hook_id="", hook_secret_sha256="")
    _remove(procore, integration, None)
    still_ours(integration, company_hook_id="", company_hook_secret_sha256="")
    return True


def _remove(procore: Procore, integration: ProcoreIntegration, project: ProcoreProject | None) -> None:
    try:
        hooks.remove(procore, integration, project)
    except (SignInRefused, Unavailable):
        raise
    except ProcoreError:
        return  # not ours to remove any more
