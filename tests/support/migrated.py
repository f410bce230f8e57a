"""A database as freshly migrated, made once for each state of the migrations: migrating takes half a minute."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from launcher.environment import Secrets, for_process, product_variables
from launcher.places import MINE, ROOT, make_own_folder, temporary_base
from launcher.servers import PostgresServer


def fill(server: PostgresServer) -> None:
    """Its empty database gets all tables. Who goes on from here migrates all the same, and finds nothing left to do."""
    _run(server, "pg_restore", "--exit-on-error", f"--dbname={server.url}", str(_kept()))


def _kept() -> Path:
    """The dump in the temporary folder; the first who needs it makes it while the others wait."""
    folder = temporary_base() / f"{MINE}migrated-{os.geteuid()}"
    make_own_folder(folder)
    dump = folder / f"{_state_of_migrations()}.dump"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not dump.exists():
            _make(dump)
    return dump


def _make(dump: Path) -> None:
    unfinished = dump.with_suffix(".unfinished")
    with PostgresServer() as server:
        variables = product_variables(
            "test",
            keys=Secrets.new(),
            database_url=server.url,
            redis_url="redis://127.0.0.1:9/0",
            media=Path(os.devnull),
            public_url="http://testserver",
        )
        migrate = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=for_process(variables), check=True)
        _run(server, "pg_dump", "--format=custom", f"--file={unfinished}", server.url)
    unfinished.rename(dump)


def _state_of_migrations() -> str:
    """Changes with every migration of ours, and with the packages that bring theirs."""
    digest = hashlib.sha256((ROOT / "requirements" / "demo.txt").read_bytes())
    for path in sorted(ROOT.glob("**/migrations/*.py")):
        if ".venv" not in path.parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _run(server: PostgresServer, program: str, *arguments: str) -> None:
    done = subprocess.run([str(server.programs / program), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
