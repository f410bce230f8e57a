"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
import quickbooks
from django.urls import reverse

from accounting import bells as accounting_bells
from accounting.problems import CATALOGUE, CHECK, DUPLICATE, KEEP, MAPPING, PROJECTS, SETTINGS
from companies import bells as company_bells
from inbuild.celery import app
from inbuild.faultpoints import NAMES
from procore_sync import bells
from qbd import statuses
from qbo.faults import REFUSALS

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("inbuild", "companies", "invoices", "procore_sync", "quickbooks")


def sources() -> list[Path]:
    return [path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts]


def test_the_folder_quickbooks_never_becomes_a_package() -> None:
    assert not (ROOT / "quickbooks" / "__init__.py").exists()
    assert "site-packages" in str(quickbooks.__file__)


def test_every_rung_name_is_a_task() -> None:
    app.loader.import_default_modules()
    rung = {
        name
        for module in (bells, accounting_bells, company_bells)
        for constant, name in vars(module).items()
        if constant.endswith("_DUE")
    }
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert rung | scheduled <= set(app.tasks)


def test_every_problem_that_can_be_written_has_a_sentence_and_every_sentence_is_used() -> None:
    text = "\n".join(path.read_text() for path in sources() if path.name != "problems.py")
    assert {*REFUSALS.values(), *statuses.REFUSALS.values()} <= set(CATALOGUE)
    unused = {code for code in CATALOGUE if f'"{code}"' not in text}
    assert not unused
    for problem in CATALOGUE.values():
        assert problem.sentence.endswith((".", "}"))
        for action in (problem.action, *(deed for _, deed in problem.choices)):
            # A page by its name, a deed of a change, or a deed that the address of the bill's deeds takes.
            assert action in (SETTINGS, MAPPING, DUPLICATE, PROJECTS, CHECK, KEEP) or reverse(
                "accounting:act", args=[uuid4(), action]
            )


def test_every_fault_point_exists() -> None:
    text = "\n".join(path.read_text() for path in sources())
    used = re.findall(r'(?:faultpoint\(|point=)"([\w.]+)"', text)
    assert set(used) == NAMES


def test_only_tasks_and_the_doorbell_catch_everything() -> None:
    allowed = {"tasks.py", "queue.py", "environment.py"}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        if path.name not in allowed
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or getattr(node.type, "id", "") == "Exception")
    ]
    assert not found


@pytest.mark.parametrize("limit", [("file", 450), ("function", 60)])
def test_files_and_functions_stay_readable(limit: tuple[str, int]) -> None:
    what, lines = limit
    long = []
    for path in sources():
        text = path.read_text()
        if what == "file" and text.count("\n") > lines:
            long.append(str(path))
        for node in ast.walk(ast.parse(text)):
            if (
                what == "function"
                and isinstance(node, ast.FunctionDef)
                and (node.end_lineno or 0) - node.lineno > lines
            ):
                long.append(f"{path}:{node.name}")
    assert not long


def test_every_folder_of_a_vague_name_is_absent() -> None:
    vague = {"utils.py", "helpers.py", "services.py", "common.py", "misc.py"}
    assert not [path for path in sources() if path.name in vague]


GOOD = {
    "SECRET_KEY": "x" * 60,
    "FIELD_KEYS": "2d9b0Jt0hRzq3qk0sJcYbYx3n0o3m1wJkq9y1mB2c0Q=",
    "PUBLIC_URL": "https://inbuild.example",
    "DATABASE_URL": "postgres://u:p@localhost/x",
    "REDIS_URL": "redis://localhost/0",
    "EMAIL_URL": "smtp+tls://user:password@mail.example:587",
    "QBO_CLIENT_ID": "a",
    "QBO_CLIENT_SECRET": "b",
}


def started(**changes: str | None) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "inbuild.settings"} | GOOD
    for name, value in changes.items():
        env.pop(name, None) if value is None else env.update({name: value})
    command = [sys.executable, "-c", "import django; django.setup()"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_good_production_settings_start() -> None:
    assert started().returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, None)
            for name in ("SECRET_KEY", "FIELD_KEYS", "PUBLIC_URL", "DATABASE_URL", "REDIS_URL", "EMAIL_URL")
        ),
        ("FIELD_KEYS", "not-a-key"),
        ("PUBLIC_URL", "inbuild.example"),
        ("PUBLIC_URL", "http://inbuild.example"),
        ("DATABASE_URL", "sqlite:///x.db"),
        ("DATABASE_URL", "nonsense"),
        ("REDIS_URL", "http://localhost"),
        ("INBUILD_ENV", "staging"),
        ("QBO_ENVIRONMENT", "moon"),
        ("QBO_TIMEOUT_SECONDS", "soon"),
        ("LOG_LEVEL", "LOUD"),
        ("EMAIL_URL", "nonsense"),
        ("EMAIL_URL", "smtp+tls://"),
        ("EMAIL_URL", "consolemail://"),
        ("EMAIL_URL", "smtp://mail.example:port"),
        ("DEFAULT_FROM_EMAIL", "inBuild"),
    ],
)
def test_a_missing_or_wrong_variable_is_one_sentence_that_names_it(name: str, value: str | None) -> None:
    done = started(**{name: value})
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_a_status_is_one_component_in_one_of_five_colours() -> None:
    templates = {path: path.read_text() for path in (ROOT / "templates").rglob("*.html")}
    alone = {ROOT / "templates/allauth/elements/badge.html"}
    by_hand = [str(path) for path, text in templates.items() if 'class="state' in text and path not in alone]
    assert by_hand == []
    tones = {tone for text in templates.values() for tone in re.findall(r"\btone-(\w+)", text)}
    given = {colour for text in templates.values() for colour in re.findall(r'\{% status .* "(\w*)" %\}', text)}
    assert tones | given <= {"ok", "warn", "bad", "info", "muted"}


def test_colours_are_named_once() -> None:
    """Light, dark and paper can only be told apart where each colour has a name."""
    css = (ROOT / "static" / "inbuild.css").read_text()
    tokens, _, rest = css.partition("/* --- focus and targets")
    screen, _, _ = rest.partition("@media print")
    assert tokens.count("light-dark(") > 15
    assert re.findall(r"#[0-9a-f]{3,8}\b(?=[;, )])", screen) == ["#fff", "#fff"]
