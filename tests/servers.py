"""pytest plugin, loaded by `-p tests.servers`: real PostgreSQL and Valkey before Django reads its settings.

pytest-django reads them in the same hook, hence a wrapper: wrappers run before every plain implementation.
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
def pytest_load_initial_conftests(args: list[str]) -> Generator[None, object, object]:
    looking_only = not _LOOKING_ONLY.isdisjoint(args) or not _LOOKING_ONLY.isdisjoint(sys.argv)
    _prepare(looking_only)
    return (yield)


def pytest_unconfigure() -> None:
    _stop()


def _prepare(looking_only: bool) -> None:
    database_url = os.environ.get("DATABASE_URL") or (_NO_DATABASE if looking_only else _started(PostgresServer()).url)
    redis_url = os.environ.get("REDIS_URL") or (_NO_BROKER if looking_only else _started(ValkeyServer()).url)
    os.environ.update(
        product_variables(
            "test",
            keys=Secrets.new(),
            database_url=database_url,
            redis_url=redis_url,
            media=_media_folder(looking_only),
            public_url="http://testserver",
            email_url="memorymail://",
        )
    )


def _media_folder(looking_only: bool) -> Path:
    if looking_only:
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
