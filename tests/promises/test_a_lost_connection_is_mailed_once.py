"""A lost connection is mailed to each admin once, by the whole product, while its mail server and its workers fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher import walk
from launcher.places import free_port
from tests.support.emulated import REALM
from tests.support.mail_server import MailServer, listening, plain
from tests.support.product import Product, running_product

LOST = "QuickBooks no longer accepts inBuild's connection. Bills wait until a company admin reconnects it."


@pytest.mark.system
@pytest.mark.timeout(300)
def test_each_outage_is_one_mail(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """Three workers look every second; the mail server is away at first, and one worker is killed meanwhile."""
    mail = MailServer(free_port())
    with running_product(tmp_path, workers=3, env={"EMAIL_URL": mail.url, "FOLLOW_SECONDS": "2"}) as product:
        begun = time.monotonic()
        product.intuit.post("revoke", {"realm": REALM})
        _until(product, "SELECT 1 FROM companies_mail WHERE failures > 0")
        noticed = time.monotonic() - begun
        next(child for name, child in product.processes.items() if name.startswith("worker")).kill()
        with listening(mail):
            product.rows("UPDATE companies_mail SET next_at = now() WHERE state = 'waiting' RETURNING id")
            _until(product, "SELECT 1 FROM companies_mail WHERE state = 'sent'")
            time.sleep(5)
            first = len(mail.taken)
            walk.reconnect_quickbooks(product.signed_in())
            _until(product, "SELECT 1 FROM companies_notice WHERE is_lost_connection AND ended_at IS NOT NULL")
            time.sleep(3)
            again = len(mail.taken)
            product.intuit.post("revoke", {"realm": REALM})
            _until(product, "SELECT 1 FROM companies_mail WHERE state = 'sent' HAVING count(*) = 2")
            time.sleep(5)
    figures(f"seconds to the first try {noticed:.1f} · mails {first}, {again} once well, {len(mail.taken)} in all")
    assert (first, again, len(mail.taken)) == (1, 1, 2)
    assert {message["To"] for message in mail.taken} == {product.sign_ins["admin"].email}
    assert all(LOST in plain(message) for message in mail.taken)


def _until(product: Product, sql: str) -> None:
    deadline = time.monotonic() + 60
    while not product.rows(sql):
        assert time.monotonic() < deadline, f"It did not happen: {sql}"
        time.sleep(0.25)
