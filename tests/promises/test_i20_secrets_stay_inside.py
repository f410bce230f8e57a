"""I20: secrets do not leave: not in logs, pages, messages, plain columns or the record of outside calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from launcher import walk
from launcher.walk import NORTHGATE
from tests.support.product import Product, running_product
from tests.support.verdict import judge, wait_for


@pytest.mark.system
@pytest.mark.timeout(300)
def test_i20(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """The whole journey, with failures that make programs talkative; then every place is searched for each secret."""
    with running_product(tmp_path, env={"LOG_LEVEL": "DEBUG"}, connected=False) as product:
        messages: list[str] = []
        watcher = threading.Thread(target=_listen, args=(product.valkey.url, messages), daemon=True)
        watcher.start()
        product.connect()
        product.switch_on()
        product.intuit.fault("500_after_commit", method="POST", path="/bill\\?", times=2)
        product.intuit.fault("401", method="POST", path="/bill\\?", times=1)
        product.procore.fault("500", method="GET", path="/rest/v1.1/", times=2)
        ids = [row["id"] for row in product.procore.create_many(8, status="under_review")]
        for procore_id in ids:
            product.procore.approve(procore_id)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids), seconds=60)
        secrets = dict(_secrets(product))
        places = dict(_places(product)) | {"messages in Valkey": "\n".join(messages)}
    leaks = [
        f"{name} in {place}" for place, text in places.items() for name, secret in secrets.items() if secret in text
    ]
    figures(f"{verdict} · secrets {len(secrets)} · places searched {len(places)} · found {len(leaks)}")
    assert verdict.is_right
    assert len(secrets) >= 9
    assert messages
    assert not leaks


def _listen(url: str, messages: list[str]) -> None:
    try:
        with redis.Redis.from_url(url).monitor() as monitor:  # type: ignore[no-untyped-call]
            for command in monitor.listen():
                messages.append(str(command))
    except (redis.RedisError, OSError, ValueError):
        pass  # Valkey has ended, and with it the test


def _secrets(product: Product) -> Iterator[tuple[str, str]]:
    """What only the encrypted columns may hold. Tokens come from the emulators' side of the story."""
    yield "Procore client secret", NORTHGATE.client_secret
    yield "QuickBooks client secret", product.variables["QBO_CLIENT_SECRET"]
    yield "secret key", product.variables["SECRET_KEY"]
    yield "field key", product.variables["FIELD_KEYS"].split(",")[0]
    yield "password", product.sign_ins["admin"].password
    yield "hook secret", product.hook()[1].removeprefix("Bearer ")
    columns = {
        "procore_sync_procoreintegration": ["access_token"],
        "qbo_token": ["access_token", "refresh_token"],
    }
    for table, names in columns.items():
        for name in names:
            yield f"{table}.{name}", _decrypted(product, table, name)


def _decrypted(product: Product, table: str, name: str) -> str:
    find = f"next(m for m in apps.get_models() if m._meta.db_table == '{table}')"
    script = f"from django.apps import apps; print('VALUE', {find}.objects.get().{name})"
    return product.manage("shell", "-c", script).split("VALUE ")[-1].strip()


def _places(product: Product) -> Iterator[tuple[str, str]]:
    for log in product.folder.glob("*.log"):
        if log.stem not in ("procore", "intuit"):
            yield f"log {log.name}", log.read_text(errors="replace")
    with psycopg.connect(product.database.url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            rows = connection.execute(f'SELECT t::text FROM "{table}" t').fetchall()  # noqa: S608
            yield f"table {table}", "\n".join(row[0] for row in rows)
    for role in ("admin", "viewer"):
        person = walk.signed_in(product.addresses, product.sign_ins[role])
        for address in ("/invoices/", walk.SETTINGS_PROCORE, walk.SETTINGS_ACCOUNTING):
            person.open(address)
            yield f"page {address} for {role}", person.source
