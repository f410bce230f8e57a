"""pytest plugin, loaded by `-p tests.servers`: real PostgreSQL and Valkey before Django reads its settings.

pytest-django reads them in the same hook, hence a wrapper: wrappers run before every plain implementation.
Workers of pytest-xdist (`-n`) have servers of their own; the process that hands out the tests needs none.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from launcher.environment import Secrets, product_variables
from launcher.places import new_temporary_folder
from launcher.servers import PostgresServer, Server, ValkeyServer

# With these nothing is run, so nothing needs to be started.
_LOOKING_ONLY = {"--collect-only", "--co", "--help", "-h", "--version", "-V", "--markers", "--fixtures", "--setup-plan"}
_NO_DATABASE = "postgres://nobody@127.0.0.1:9/nothing"
_NO_BROKER = "redis://127.0.0.1:9/0"

_running: list[Server] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> Generator[None, object, object]:
    looking_only = not _LOOKING_ONLY.isdisjoint(args) or not _LOOKING_ONLY.isdisjoint(sys.argv)
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    hands_out = bool(getattr(early_config.known_args_namespace, "numprocesses", None)) and not is_worker
    _prepare(looking_only or hands_out)
    return (yield)


def pytest_unconfigure() -> None:
    _stop()


def own_database() -> PostgresServer | None:
    """None where somebody gave us one."""
    return next((server for server in _running if isinstance(server, PostgresServer)), None)


def _prepare(without_servers: bool) -> None:
    database_url = _given("DATABASE_URL") or (_NO_DATABASE if without_servers else _started(PostgresServer()).url)
    redis_url = _given("REDIS_URL") or (_NO_BROKER if without_servers else _started(ValkeyServer()).url)
    os.environ.update(
        product_variables(
            "test",
            keys=Secrets.new(),
            database_url=database_url,
            redis_url=redis_url,
            media=_media_folder(without_servers),
            public_url="http://testserver",
            email_url="memorymail://",
        )
    )


def _given(name: str) -> str:
    """What somebody else set; workers inherit that there is none."""
    value = os.environ.get(name, "")
    return "" if value in (_NO_DATABASE, _NO_BROKER) else value


def _media_folder(without_servers: bool) -> Path:
    if without_servers:
        return Path(os.devnull)
    # Inside a server's folder when we run one, so it goes away with it.
    if _running:
        media = _running[0].folder / "media"
        media.mkdir()
        return media
    folder = new_temporary_folder("media")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _started(server: Server) -> Server:
    # A broken conftest ends pytest without pytest_unconfigure.
    atexit.register(_stop)
    _running.append(server)
    return server.start()


def _stop() -> None:
    while _running:
        _running.pop().close()
