"""The whole product as processes of its own, which a test may kill, freeze and start again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

from launcher import walk
from launcher.browser import Browser
from launcher.environment import Secrets, for_process, product_variables
from launcher.places import ROOT, free_port
from launcher.processes import Child
from launcher.servers import PostgresServer, ValkeyServer
from launcher.walk import Addresses, SignIn
from tests.support import migrated
from tests.support.desktop import DesktopEmulator
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

# Everything that in production takes minutes, in seconds; the order of the times is kept.
SHORT_TIMES = {
    "QBD_BUSY_SECONDS": "0",
    "QBO_TIMEOUT_SECONDS": "2",
    "QBO_PAUSE_SECONDS": "3",
    "QBO_QUARANTINE_SECONDS": "3",
    "QBO_LEASE_SECONDS": "5",
    "IMPORT_LEASE_SECONDS": "5",
    "PROCORE_QUARANTINE_SECONDS": "3",
    "PROCORE_LEASE_SECONDS": "5",
    "TURN_LEASE_SECONDS": "4",
    "SWEEP_SECONDS": "1",
    "NOTICE_SECONDS": "1",
}


@dataclass
class Product:
    folder: Path
    database: PostgresServer
    valkey: ValkeyServer
    addresses: Addresses
    variables: dict[str, str]
    source: Path = ROOT
    processes: dict[str, Child] = field(default_factory=dict)
    sign_ins: dict[str, SignIn] = field(default_factory=dict)

    @property
    def procore(self) -> ProcoreEmulator:
        return ProcoreEmulator(self.addresses.procore)

    @property
    def intuit(self) -> IntuitEmulator:
        return IntuitEmulator(self.addresses.intuit)

    @property
    def desktop(self) -> DesktopEmulator:
        """The PC, where the product runs with one."""
        return DesktopEmulator(self.addresses.desktop)

    def spawn(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Child:
        child = Child(
            name,
            [sys.executable, *arguments],
            env=for_process({**self.variables, **self._imports(), **(env or {})}),
            cwd=self.source,
            log=self.folder / f"{name}.log",
            grace=5,
        )
        self.processes[name] = child
        child.start()
        return child

    def _imports(self) -> dict[str, str]:
        """From another copy of the product than this one."""
        return {} if self.source == ROOT else {"PYTHONPATH": f"{self.source}:{self.source / 'quickbooks'}"}

    def start_worker(self, name: str = "worker", *, env: Mapping[str, str] | None = None) -> Child:
        celery = ("-m", "celery", "-A", "inbuild", "worker", "-P", "threads", "-c", "8", "-n", f"{name}@%h")
        return self.spawn(name, *celery, "--without-gossip", "--without-mingle", "--loglevel", "INFO", env=env)

    def start_web(self, name: str = "web", *, port: int = 0, env: Mapping[str, str] | None = None) -> Child:
        granian = [
            "-m",
            "granian",
            "--interface",
            "wsgi",
            "--host",
            "127.0.0.1",
            "--port",
            str(port or self.addresses.ports["inBuild"]),
        ]
        options = ["--no-ws", "--workers", "1", "--blocking-threads", "8", "--log-level", "warning"]
        return self.spawn(name, *granian, *options, "inbuild.wsgi:application", env=env)

    def start_beat(self) -> Child:
        schedule = str(self.folder / "beat-schedule")
        return self.spawn("beat", "-m", "celery", "-A", "inbuild", "beat", "-s", schedule, "--pidfile=")

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command,
            cwd=self.source,
            env=for_process({**self.variables, **self._imports()}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def backup(self) -> Path:
        """pg_dump, while everything runs."""
        path = self.folder / "backup.dump"
        self._postgres("pg_dump", "--format=custom", f"--file={path}", self.database.url)
        return path

    def restore(self, backup: Path) -> None:
        """Only the database; nothing of the product may run meanwhile."""
        server, _, name = self.database.url.rpartition("/")
        self._postgres("dropdb", f"--maintenance-db={server}/postgres", "--force", name)
        self._postgres("createdb", f"--maintenance-db={server}/postgres", name)
        self._postgres("pg_restore", "--exit-on-error", f"--dbname={self.database.url}", str(backup))

    def _postgres(self, program: str, *arguments: str) -> None:
        command = [str(self.database.programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    def connect(self) -> None:
        """Procore, QuickBooks and accounts, through the pages, as the admin would."""
        on_desktop = bool(self.addresses.desktop)
        if any(name.startswith("worker") for name in self.processes):
            walk.connect_everything(self.addresses, self.sign_ins["admin"], on_desktop=on_desktop)
            return
        # The webhooks are made in the background.
        helper = self.start_worker("connecting")
        walk.connect_everything(self.addresses, self.sign_ins["admin"], on_desktop=on_desktop)
        helper.terminate()
        del self.processes["connecting"]

    def signed_in(self, role: str = "admin") -> Browser:
        return walk.signed_in(self.addresses, self.sign_ins[role])

    def switch_on(self) -> None:
        walk.switch_on(self.signed_in())

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the product's database directly, past Django; waits for it to come back after a crash."""
        deadline = time.monotonic() + 30
        while True:
            try:
                with psycopg.connect(self.database.url, connect_timeout=5) as connection:
                    return connection.execute(sql, parameters).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def flush_valkey(self) -> None:
        redis.Redis.from_url(self.valkey.url, socket_timeout=2).flushall()

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def hook(self) -> tuple[str, str]:
        """Where Procore delivers for the connected company, and with which Authorization value."""
        sent = next(hook for hook in self.procore.get("hooks") if "/hooks/procore/" in hook["destination_url"])
        return sent["destination_url"], sent["authorization"]


@contextmanager
def running_product(
    folder: Path,
    *,
    workers: int = 1,
    beat: bool = True,
    connected: bool = True,
    env: Mapping[str, str] | None = None,
    durable: bool = True,
    source: Path = ROOT,
    desktop: bool = False,
    web_port: int = 0,
) -> Iterator[Product]:
    """Everything up: both servers, the emulators, web, workers, beat, signed in and connected.

    With `desktop` the first company's books are on a PC, whose Web Connector calls all the time. With `web_port` the
    web process listens there, and somebody else hands on what comes to the product's own address.
    """
    ports = {"inBuild": free_port(), "Procore": free_port(), "QuickBooks": free_port()}
    product_url, procore_url, intuit_url = (f"http://127.0.0.1:{port}" for port in ports.values())
    if desktop:
        ports["QuickBooks Desktop"] = free_port()
    desktop_url = f"http://127.0.0.1:{ports['QuickBooks Desktop']}" if desktop else ""
    with PostgresServer(durable=durable) as database, ValkeyServer() as valkey:
        variables = product_variables(
            "test",
            keys=Secrets.new(),
            database_url=database.url,
            redis_url=valkey.url,
            media=folder / "media",
            public_url=product_url,
            procore_url=procore_url,
            intuit_url=intuit_url,
        )
        addresses = Addresses(product_url, procore_url, intuit_url, ports, desktop_url)
        variables |= {**SHORT_TIMES, **(env or {})}
        product = Product(folder, database, valkey, addresses, variables, source)
        try:
            _start(product, workers=workers, beat=beat, web_port=web_port)
            if connected:
                product.connect()
            yield product
        finally:
            for child in reversed(product.processes.values()):
                child.kill()


def _start(product: Product, *, workers: int, beat: bool, web_port: int) -> None:
    ports = product.addresses.ports
    emulators: list[tuple[str, str, tuple[str, ...]]] = [
        ("procore", "Procore", ("--rate-limit", "off")),
        ("intuit", "QuickBooks", ("--limits", "off")),
        ("desktop", "QuickBooks Desktop", ()),
    ]
    running = [(name, ports[called], options) for name, called, options in emulators if called in ports]
    for name, port, options in running:
        ledger = str(product.folder / f"{name}.sqlite")
        product.spawn(
            name, "-m", f"emulators.{name}", "--port", str(port), "--ledger", ledger, "--seed", "demo", *options
        )
    if product.source == ROOT:
        migrated.fill(product.database)
    product.manage("migrate", "--no-input", "--verbosity", "0")
    signs = json.loads(product.manage("seed_demo"))["sign_ins"]
    roles = ("admin", "accountant", "viewer", "outsider")
    product.sign_ins = {
        role: SignIn(sign["email"], sign["password"], sign["company"], sign["role"])
        for role, sign in zip(roles, signs, strict=True)
    }
    product.start_web(port=web_port)
    for number in range(workers):
        product.start_worker(f"worker{number}")
    if beat:
        product.start_beat()
    product.processes["web"].wait_ready(f"http://127.0.0.1:{web_port or ports['inBuild']}/readyz", timeout=60)
    for name, port, _ in running:
        product.processes[name].wait_ready(f"http://127.0.0.1:{port}/_emulator/ready", timeout=60)
    if product.addresses.desktop:
        product.desktop.call_by_intuits_wsdl()
