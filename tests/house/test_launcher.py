"""The launcher's promises: servers that can be taken away and come back, nothing left behind, plain refusals."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
import redis

from launcher import checks, places
from launcher.browser import Browser, WalkFailed, _Page
from launcher.environment import Secrets
from launcher.places import PlaceRefused, make_own_folder, new_temporary_folder, process_exists
from launcher.processes import Child, ProcessFailed, Supervisor
from launcher.servers import PostgresServer, Server, ValkeyServer, _descendants
from launcher.state import DemoState, StateBusy

ROOT = places.ROOT


def _eventually(look: Callable[[], object], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if look():
            return True
        time.sleep(0.05)
    return False


# --- servers -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer(durable=True) as server:
        yield server


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer(durable=True) as server:
        yield server


@pytest.mark.parametrize("how", ["kill", "immediate", "fast"])
def test_postgres_comes_back_with_its_data_on_the_same_port(postgres: PostgresServer, how: str) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (how text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [how])
    address = postgres.url
    if how == "kill":
        postgres.kill()
    else:
        postgres.stop("immediate" if how == "immediate" else "fast")
    assert not postgres.alive
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.url, connect_timeout=2)

    postgres.start()

    assert postgres.url == address
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT how FROM kept WHERE how = %s", [how]).fetchone() == (how,)


def test_frozen_postgres_answers_nothing_until_it_is_thawed(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.url) as connection:
        postgres.freeze()
        try:
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(postgres.url, connect_timeout=2)
        finally:
            postgres.thaw()
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("durable", [True, False])
def test_only_throwaway_postgres_gives_up_safety(durable: bool, postgres: PostgresServer) -> None:
    with PostgresServer() if not durable else _borrowed(postgres) as server, psycopg.connect(server.url) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {name}").fetchone() == ("on" if durable else "off",)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("SHOW max_connections").fetchone() == ("200",)


class _borrowed:
    """A `with` that leaves the server running."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server

    def __enter__(self) -> PostgresServer:
        return self.server

    def __exit__(self, *_: object) -> None:
        return None


def test_postgres_starts_over_a_pid_file_whose_number_is_now_another_program(postgres: PostgresServer) -> None:
    postgres.kill()
    lines = (postgres.data / "postmaster.pid").read_text().splitlines()
    (postgres.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert postgres.start().alive


def test_valkey_keeps_what_it_was_told_over_a_kill(valkey: ValkeyServer) -> None:
    connection = redis.Redis.from_url(valkey.url)
    connection.set("told", "yes")
    # Appended within a second: wait until it says that this has happened.
    assert connection.execute_command("WAITAOF", 1, 0, 5000)[0] == 1  # type: ignore[no-untyped-call]
    valkey.kill()
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(valkey.url, socket_connect_timeout=1).ping()
    valkey.start()
    assert redis.Redis.from_url(valkey.url).get("told") == b"yes"


def test_frozen_valkey_accepts_and_says_nothing(valkey: ValkeyServer) -> None:
    valkey.freeze()
    try:
        with pytest.raises(redis.TimeoutError):
            redis.Redis.from_url(valkey.url, socket_timeout=0.3).ping()
    finally:
        valkey.thaw()
    assert redis.Redis.from_url(valkey.url).ping()


@pytest.mark.parametrize("kind", [PostgresServer, ValkeyServer])
def test_closing_leaves_no_process_and_no_folder(kind: Callable[[], Server]) -> None:
    with kind() as server:
        family = [server.child.pid, *_descendants(server.child.pid)]
        assert server.folder.exists()
    assert not server.folder.exists()
    assert _eventually(lambda: not any(map(process_exists, family)))


def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from launcher.servers import PostgresServer, ValkeyServer, _descendants\n"
        "servers = [PostgresServer().start(), ValkeyServer().start()]\n"
        "pids = [pid for s in servers for pid in [s.child.pid, *_descendants(s.child.pid)]]\n"
        "print(*pids, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    family = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(family) > 4
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _eventually(lambda: not any(map(process_exists, family)))
    # The folders the killed one could not remove go at the next start.
    for purpose in ("postgresql", "valkey"):
        folder = new_temporary_folder(purpose)
        assert not list(folder.parent.glob(f"inbuild-{purpose}-{parent.pid}-*"))
        folder.rmdir()


# --- processes -----------------------------------------------------------------------------------------------------


def _python(program: str, tmp_path: Path, name: str = "child", grace: float = 5) -> Child:
    return Child(name, [sys.executable, "-c", program], log=tmp_path / f"{name}.log", grace=grace)


def test_a_death_is_noticed_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor()
    supervisor.start(_python("import time; time.sleep(60)", tmp_path, "steady"))
    supervisor.start(_python("raise SystemExit('out of ink')", tmp_path, "printer"))
    try:
        assert _eventually(lambda: not supervisor.children[1].alive)
        with pytest.raises(ProcessFailed, match=r"printer ended with code 1.\n +out of ink"):
            supervisor.check()
    finally:
        supervisor.stop()
    assert supervisor.children == []


def test_children_of_a_child_are_ended_with_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(grandchild.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    child = _python(program, tmp_path, grace=0.3)
    child.start()
    assert _eventually(lambda: child.log.read_text().strip())
    grandchild = int(child.log.read_text())
    child.terminate()
    assert not child.alive
    assert _eventually(lambda: not process_exists(grandchild))


def test_children_end_in_reverse_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    program = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    open({order!r}, 'a').write({name!r})\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    supervisor = Supervisor()
    for name in "abc":
        child = supervisor.start(_python(program.format(order=str(order), name=name), tmp_path, name))
        child.wait_ready(lambda child=child: "ready" in child.log.read_text())  # type: ignore[misc]
    supervisor.stop()
    assert order.read_text() == "cba"


# --- places and state ----------------------------------------------------------------------------------------------


def test_no_two_processes_are_given_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may take its time to start, and nothing listens meanwhile."""
    monkeypatch.setattr(places, "OUR_PORTS", range(31900, 31920))
    ours = {places.free_port() for _ in range(8)}
    ask = (
        "from launcher import places; places.OUR_PORTS = range(31900, 31920); "
        "print(*(places.free_port() for _ in range(12)))"
    )
    theirs = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(ours) == 8
    assert ours.isdisjoint(int(port) for port in theirs.stdout.split())


def test_a_state_folder_somebody_else_put_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PlaceRefused, match="belongs to somebody else"):
        make_own_folder(tmp_path / "state")


def test_two_demos_never_share_a_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launcher.state.demo_folder", lambda: tmp_path / "demo")
    first, second, elsewhere = DemoState(8000), DemoState(8000), DemoState(8100)
    first.open()
    with pytest.raises(StateBusy, match="already running on port 8000"):
        second.open()
    elsewhere.open()
    first.close()
    second.open()
    for state in (second, elsewhere):
        state.close()


def test_a_reset_throws_away_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launcher.state.demo_folder", lambda: tmp_path / "demo")
    state = DemoState(8000)
    state.open()
    (state.folder / "procore.ledger").touch()
    (state.folder / "postgresql").mkdir()
    state.close()
    state.open(reset=True)
    state.close()
    assert sorted(path.name for path in state.folder.iterdir()) == ["lock", "logs", "media"]


def test_secrets_are_made_once_and_readable_only_by_us(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    assert Secrets.kept_in(file) == Secrets.kept_in(file) != Secrets.new()
    assert file.stat().st_mode & 0o777 == 0o600


# --- ./run ---------------------------------------------------------------------------------------------------------


def _load_run() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("run_script", str(ROOT / "run"))
    spec = importlib.util.spec_from_loader("run_script", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def run_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`run` over an empty folder; instead of installing it notes what it would install."""
    script = _load_run()
    venv = tmp_path / ".venv"
    for name, path in {
        "ROOT": tmp_path,
        "VENV": venv,
        "STAMP": venv / "inbuild.stamp",
        "LOG": venv / "install.log",
        "PYTHON": venv / "bin" / "python",
        "REQUIREMENTS": tmp_path,
    }.items():
        monkeypatch.setattr(script, name, path)
    for name in ("uv", "demo", "dev"):
        (tmp_path / f"{name}.txt").write_text(f"{name}==1\n")
    installs = script.__dict__["installs"] = []

    def install(target: str, keep: bool) -> None:
        installs.append((target, keep))
        script.PYTHON.parent.mkdir(parents=True, exist_ok=True)
        script.PYTHON.touch(mode=0o755)
        script.STAMP.write_text(json.dumps({"set": target, "key": script.fingerprint(target)}))

    monkeypatch.setattr(script, "install", install)
    return script


def test_the_demo_set_grows_to_the_dev_set_and_never_back(run_script: ModuleType) -> None:
    for wanted in ("demo", "demo", "dev", "demo", "dev"):
        run_script.prepare(wanted)
    assert run_script.installs == [("demo", False), ("dev", True)]


def test_changed_requirements_are_installed_anew(run_script: ModuleType, tmp_path: Path) -> None:
    run_script.prepare("dev")
    (tmp_path / "dev.txt").write_text("dev==2\n")
    run_script.prepare("demo")
    assert run_script.installs == [("dev", False), ("dev", False)]


@pytest.mark.parametrize("stamp", [None, "", "{", '{"set": "other", "key": ""}', "[]"])
def test_an_unfinished_venv_is_rebuilt(run_script: ModuleType, stamp: str | None) -> None:
    run_script.prepare("demo")
    run_script.STAMP.unlink()
    if stamp is not None:
        run_script.STAMP.write_text(stamp)
    run_script.prepare("demo")
    assert run_script.installs == [("demo", False), ("demo", False)]


def test_a_venv_whose_python_is_gone_is_rebuilt(run_script: ModuleType) -> None:
    run_script.prepare("demo")
    run_script.PYTHON.unlink()
    run_script.prepare("demo")
    assert run_script.installs == [("demo", False), ("demo", False)]


def test_an_old_python_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit, match="^inBuild needs Python 3.11 to 3.14, and this is 3.10; try"):
        _load_run()
    # It must be able to read the file as far as that sentence.
    ast.parse((ROOT / "run").read_text(), feature_version=(3, 6))


def test_run_without_a_command_and_with_a_wrong_one() -> None:
    usage = subprocess.run([sys.executable, "run"], cwd=ROOT, capture_output=True, text=True)
    assert usage.returncode == 0
    assert "./run demo" in usage.stdout
    wrong = subprocess.run([sys.executable, "run", "deploy"], cwd=ROOT, capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "There is no command 'deploy': it is one of demo, test, faults, screens, check, shell.\n"


# --- reading pages, and what is committed --------------------------------------------------------------------------


def test_a_form_is_read_as_a_browser_would_send_it(monkeypatch: pytest.MonkeyPatch) -> None:
    page = _Page()
    page.feed(
        """<title>no text</title><form action="/a/" method="POST"><input type=hidden name=csrf value=x>
        <input type=checkbox name=off value=on><input type=checkbox name=on checked><input name=empty>
        <button name=go value=1>Go</button><textarea name=area>words</textarea>
        <select name=account><option value="">Choose</option><option value=7>Job Costs - Materials</option></select>
        <select name=set><option value=1>One
        </option><option value=2 selected>Two</option></select></form><p>After</p>"""
    )
    (form,) = page.forms
    assert form.method == "post"
    assert form.values == {"csrf": "x", "on": "on", "empty": "", "area": "words", "account": "", "set": "2"}
    assert form.choose("account", "Nothing", "job costs") == "7"
    with pytest.raises(WalkFailed, match="offers no Gold for account"):
        form.choose("account", "Gold")
    assert form.switched_on is None
    for markup, shown in (
        ('<button role="switch" aria-checked="true" name="switch" value="off">', True),
        ('<button role="switch" aria-checked="false" name="switch" value="on">', False),
        ('<input type="checkbox" role="switch" checked>', True),
    ):
        switch = _Page()
        switch.feed(f"<form>{markup}</form>")
        assert switch.forms[0].switched_on is shown
    browser = Browser("http://127.0.0.1:9")
    monkeypatch.setattr(browser, "forms", page.forms)
    assert browser.form("/a/") is form
    assert browser.form("/b/") is None


def test_no_file_names_a_package_registry(tmp_path: Path) -> None:
    good, output = checks._no_registry_host_names()
    assert good, output
    (tmp_path / "lock").write_text("https://files.python" + "hosted.org/packages/x.whl")
    assert checks._names_a_registry(tmp_path / "lock")


def test_every_variable_the_settings_read_is_documented() -> None:
    read = set(re.findall(r'environment\.\w+\(\s*"([A-Z_]+)"', (ROOT / "inbuild/settings.py").read_text()))
    told = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read
    assert not read - told
