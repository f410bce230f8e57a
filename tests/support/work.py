"""Drains due work in this process, with the very functions the workers run."""

from __future__ import annotations

from typing import Any

import redis
from django.conf import settings

from accounting.models import Bill
from accounting.tasks import post_due
from companies.models import Company
from inbuild import pacing, queue
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, SentInvoice, WebhookDelivery
from procore_sync.tasks import check_due, import_due, send_due

ROWS = (WebhookDelivery, ProcoreInvoice, SentInvoice, Bill)


def drain(company: Company, turns: int = 20) -> None:
    """Send, import and post until nothing is due; what waits is left waiting, however slow the machine is."""
    for _ in range(turns):
        send_due(company_id=company.pk)
        import_due(company_id=company.pk)
        post_due(company_id=company.pk)
        if not any(queue.due(rows, company.pk).exists() for rows in ROWS):
            return


def forget_pacing() -> None:
    """As if the pauses that services asked for were over."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    for key in client.scan_iter("pace:*"):
        # Evenly spaced calls begin slowly where nothing at all is known.
        if client.type(key) != b"hash" or not client.hexists(key, "due"):
            client.delete(key)
        else:
            client.hdel(key, "pause")
    pacing._alone.clear()


def check(integration: ProcoreIntegration) -> None:
    """Look at the connection, stretch after stretch, as long as something is due."""
    for _ in range(20):
        check_due(company_id=integration.company_id)
        integration.refresh_from_db()
        if not integration.is_being_checked:
            return
    raise AssertionError("The connection is still being looked at.")


def no_bell(monkeypatch: Any) -> None:
    """Work is drained by hand in these tests; nothing is published."""
    monkeypatch.setattr("inbuild.queue._bell.ring", lambda *_: None)
