"""`./run demo`: the whole product against emulators of Procore and QuickBooks, as real processes on this machine."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from urllib.parse import quote

from launcher import once, walk
from launcher.environment import Secrets, for_process, product_variables
from launcher.places import ROOT, PlaceRefused, port_is_free
from launcher.processes import Child, ProcessFailed, Supervisor
from launcher.servers import PostgresServer, Server, ServerMissing, ValkeyServer
from launcher.state import DemoState, StateBusy
from launcher.walk import Addresses, SignIn, WalkFailed

PYTHON = [sys.executable]
# In the order of seed_demo's admins; is it on QuickBooks Desktop?
COMPANIES = ((walk.NORTHGATE, False), (walk.RIDGELINE, True))


class DemoFailed(Exception):
    """The demo cannot go on; the text says why."""


class Stopped(BaseException):
    """Ctrl-C, or a request to end."""


class Demo:
    """The running demo. `start()` brings everything up, `stop()` takes everything down."""

    def __init__(self, state: DemoState) -> None:
        self.state = state
        self.addresses = Addresses.beside(state.port)
        self.servers: list[Server] = []
        self.processes = Supervisor()
        self.sign_ins: list[SignIn] = []
        self.variables: dict[str, str] = {}
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._started:5.1f} s] {text}", flush=True)

    def start(self) -> None:
        self._check_ports()
        database_url, redis_url = self._start_servers()
        self.variables = product_variables(
            "demo",
            keys=Secrets.kept_in(self.state.folder / "secrets.json"),
            database_url=database_url,
            redis_url=redis_url,
            media=self.state.media,
            public_url=self.addresses.product,
            procore_url=self.addresses.procore,
            intuit_url=self.addresses.intuit,
            email_url=f"filemail:///{quote(str(self.state.folder / 'mail'))}",
        )
        self.state.remember(self.variables)
        # They need no database, so they come up while it is being migrated.
        self._start_emulators()
        self._manage("migrate", "--no-input", "--verbosity", "0")
        self.sign_ins = _sign_ins(self._manage("seed_demo"))
        self.say("Database migrated and filled with two companies.")
        self._start_product()
        self._connect()

    def _check_ports(self) -> None:
        # The processes of a killed demo need a moment to notice.
        deadline = time.monotonic() + 5
        for what, port in self.addresses.ports.items():
            while not port_is_free(port):
                if time.monotonic() > deadline:
                    raise DemoFailed(f"Port {port} (for {what}) is taken by another program: choose another --port.")
                time.sleep(0.1)

    def _start_servers(self) -> tuple[str, str]:
        database_url, redis_url = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
        if not database_url:
            database_url = self._started_server(PostgresServer(self.state.folder / "postgresql", durable=True)).url
        if not redis_url:
            redis_url = self._started_server(ValkeyServer(self.state.folder / "valkey", durable=True)).url
        return database_url, redis_url

    def _started_server(self, server: Server) -> Server:
        self.servers.append(server)
        server.start()
        self.say(f"{server.name} is ready.")
        return server

    def _manage(self, *arguments: str) -> str:
        command = [*PYTHON, "manage.py", *arguments]
        result = subprocess.run(command, cwd=ROOT, env=for_process(self.variables), capture_output=True, text=True)
        if result.returncode:
            reason = (result.stderr.strip() or result.stdout.strip())[-2000:]
            raise DemoFailed(
                f"manage.py {arguments[0]} failed:\n{reason}\n"
                "If the data of an older version is in the way, start with --reset."
            )
        return result.stdout

    def _start_emulators(self) -> None:
        # Nothing of inBuild's own settings: they are other companies' programs.
        environment = for_process({})
        for name, called in (
            ("procore", "Procore"),
            ("intuit", "QuickBooks"),
            ("desktop", "QuickBooks Desktop"),
        ):
            ledger = str(self.state.folder / f"{name}.ledger")
            where = ["--port", str(self.addresses.ports[called]), "--ledger", ledger]
            self._spawn(name, ["-m", f"emulators.{name}", *where, "--seed", "demo"], environment)

    def _start_product(self) -> None:
        environment = for_process(self.variables)
        web = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.state.port), "--no-ws"]
        web += ["--workers", "1", "--blocking-threads", "8", "--workers-kill-timeout", "5", "--log-level", "warning"]
        self._spawn("web", [*web, "inbuild.wsgi:application"], environment)
        celery = ["-m", "celery", "-A", "inbuild"]
        pool = ["-P", "threads", "-c", "8", "--without-gossip", "--without-mingle"]
        self._spawn("worker", [*celery, "worker", *pool, "--loglevel", "WARNING"], environment)
        schedule = ["-s", str(self.state.folder / "beat-schedule"), "--pidfile="]
        self._spawn("beat", [*celery, "beat", *schedule, "--loglevel", "WARNING"], environment)
        self._await_ready()

    def _spawn(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        command = [*PYTHON, *arguments]
        self.processes.start(Child(name, command, env=environment, log=self.state.log(name), grace=8))

    def _await_ready(self) -> None:
        ready = {
            "procore": f"{self.addresses.procore}/_emulator/ready",
            "intuit": f"{self.addresses.intuit}/_emulator/ready",
            "desktop": f"{self.addresses.desktop}/_emulator/ready",
            "web": f"{self.addresses.product}/readyz",
        }
        for each in self.processes.children:
            if each.name in ready:
                each.wait_ready(ready[each.name], timeout=60)
        self.processes.check()
        self.say("Emulators of Procore, QuickBooks and a PC, web server, worker and beat are running.")

    def _connect(self) -> None:
        admins = [who for who in self.sign_ins if who.is_admin]
        if len(admins) != len(COMPANIES):
            raise DemoFailed("seed_demo named other admins than one for each company.")
        for admin, (outside, on_desktop) in zip(admins, COMPANIES, strict=True):
            self.say(walk.connect_everything(self.addresses, admin, outside, on_desktop=on_desktop))

    def watch(self) -> None:
        """Until Ctrl-C; if one process dies, the demo ends and says which."""
        while True:
            time.sleep(0.5)
            self.processes.check()
            for server in self.servers:
                if not server.alive:
                    raise ProcessFailed(f"{server.name} ended.\n{server.child.log_tail()}")

    def stop(self) -> None:
        self.processes.stop()
        while self.servers:
            self.servers.pop().stop()

    def welcome(self) -> str:
        rows = [(who.email, who.password, who.role, who.company) for who in self.sign_ins]
        table = _table(("Sign in as", "Password", "Role", "Company"), rows)
        online, on_desktop = (who.company for who in self.sign_ins if who.is_admin)
        return (
            f"\n  inBuild                 {self.addresses.product}\n"
            f"  Procore emulator        {self.addresses.procore}\n"
            f"  QuickBooks Online       {self.addresses.intuit} (of {online})\n"
            f"  QuickBooks Desktop      {self.addresses.desktop} (the PC of {on_desktop})\n"
            f"  Mail it would send      {self.addresses.product}/demo/mail/\n"
            f"  Logs and data           {self.state.folder}\n\n{table}\n\nPress Ctrl-C to stop.\n"
        )


def _sign_ins(output: str) -> list[SignIn]:
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            return [SignIn(**row) for row in json.loads(line)["sign_ins"]]
    raise DemoFailed("seed_demo printed no sign-ins.")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    columns = range(len(head))
    widths = [max(len(row[column]) for row in (head, *rows)) for column in columns]
    lines: list[Sequence[str]] = [head, ["-" * width for width in widths], *rows]
    return "\n".join("  " + "  ".join(line[column].ljust(widths[column]) for column in columns) for line in lines)


def _stop_on_signals() -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _port(text: str) -> int:
    port = int(text)
    if not 1024 <= port <= 65532:
        raise argparse.ArgumentTypeError("must be from 1024 to 65532: the three ports after it are used as well")
    return port


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument("--port", type=_port, default=8000, help="inBuild's port; the emulators take the next three")
    parser.add_argument("--reset", action="store_true", help="throw the kept data away first")
    parser.add_argument(
        "--once", action="store_true", help="mirror one invoice of each company, check it, stop; for machines"
    )
    options = parser.parse_args(arguments)
    _stop_on_signals()
    state = DemoState(options.port)
    demo = Demo(state)
    try:
        state.open(reset=options.reset)
        return _run(demo, only_once=options.once)
    except Stopped:
        print("\nStopping ...", flush=True)
        return 0 if not options.once else 1
    except (DemoFailed, StateBusy, PlaceRefused, ProcessFailed, ServerMissing, WalkFailed, once.NotMirrored) as problem:
        print(f"\n{problem}", file=sys.stderr)
        if state.logs.exists() and not isinstance(problem, StateBusy):
            print(f"Logs: {state.logs}", file=sys.stderr)
        return 1
    finally:
        _ignore_signals()
        demo.stop()
        state.close()


def _run(demo: Demo, *, only_once: bool) -> int:
    demo.start()
    if only_once:
        for company in once.companies(demo.addresses, demo.sign_ins):
            for line in once.mirror_one_invoice(demo.addresses, company):
                demo.say(line)
        return 0
    print(demo.welcome(), flush=True)
    demo.watch()
    return 0
