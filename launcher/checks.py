"""`./run check`: everything that can be said about the project without running it. All are run; one line each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from launcher.environment import Secrets, for_process, product_variables
from launcher.places import ROOT

BIN = Path(sys.executable).parent
# Written apart, so that this file does not contain what it looks for.
_REGISTRIES = ("pypi", "org"), ("pythonhosted", "org"), ("registry.npmjs", "org"), ("registry.yarnpkg", "com")
REGISTRY = re.compile("|".join(re.escape(".".join(parts)) for parts in _REGISTRIES), re.IGNORECASE)
_OUTPUT_LINES = 60
_PRODUCT = ("inbuild", "companies", "invoices", "procore_sync", "quickbooks")
# Started as programs, or named in settings only.
_USED_BY_NAME = ["granian", "psycopg", "whitenoise", "hatchling", "editables", "django-htmx"]
# Parts of requests and celery, which choose their versions.
_OF_ANOTHER = ["urllib3", "kombu"]

Result = tuple[bool, str]
Check = Callable[[], Result]


def _test_variables() -> dict[str, str]:
    """Enough for the settings to be read. Nothing listens at these addresses: no check needs a server."""
    return product_variables(
        "test",
        keys=Secrets.new(),
        database_url="postgres://nobody@127.0.0.1:9/nothing",
        redis_url="redis://127.0.0.1:9/0",
        media=Path(os.devnull),
        public_url="http://127.0.0.1:9",
    )


def _production_variables() -> dict[str, str]:
    """As a careful person would set them, only invented."""
    invented = _test_variables()
    only_demo = ("PROCORE_CUSTOM_", "PROCORE_CLIENT_", "QBO_DISCOVERY_URL", "QBO_API_URL", "QBO_UI_URL")
    kept = {name: value for name, value in invented.items() if not name.startswith(only_demo)}
    return kept | {
        "INBUILD_ENV": "production",
        "PUBLIC_URL": "https://inbuild.example.com",
        "ALLOWED_HOSTS": "inbuild.example.com",
        "EMAIL_URL": "smtp+tls://user:password@mail.example.com:587",
        "DEFAULT_FROM_EMAIL": "inBuild <inbuild@example.com>",
    }


def _command(*command: str, variables: Mapping[str, str] | None = None) -> Check:
    def check() -> Result:
        environment = for_process(variables or _test_variables()) | {"NO_COLOR": "1"}
        result = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return result.returncode == 0, result.stdout

    return check


def _tool(name: str, *arguments: str) -> Check:
    return _command(str(BIN / name), *arguments)


def _manage(*arguments: str, variables: Mapping[str, str] | None = None) -> Check:
    return _command(sys.executable, "manage.py", *arguments, variables=variables)


def _no_registry_host_names() -> Result:
    """Requirement files carry names, versions and hashes; where to get them is each machine's own configuration."""
    found = [str(path) for path in _project_files() if _names_a_registry(ROOT / path)]
    return not found, "These files name a package registry:\n" + "\n".join(found)


def _project_files() -> list[Path]:
    """What is or would be committed; without git, everything outside the usual ignored folders."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode == 0:
        return [Path(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name]
    ignored = {".venv", ".git", "__pycache__", "node_modules", "media", "staticfiles"}
    files = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [path for path in files if ignored.isdisjoint(path.parts) and not path.parts[0].endswith("_cache")]


def _names_a_registry(path: Path) -> bool:
    try:
        return bool(REGISTRY.search(path.read_text(errors="ignore")))
    except OSError:
        return False


def _dependencies() -> Result:
    """Product code imports only what requirements/base.in names; the .in files are told to deptry as a project."""
    base, demo, dev = (_named(ROOT / "requirements" / f"{name}.in") for name in ("base", "demo", "dev"))
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["deptry"]
    project = {"name": "inbuild", "version": "0", "dependencies": base}
    lines = [
        "[project]",
        *(f"{name} = {json.dumps(value)}" for name, value in project.items()),
        "[project.optional-dependencies]",
        f"dev = {json.dumps([*demo, *dev])}",
        "[tool.deptry]",
        'optional_dependencies_dev_groups = ["dev"]',
        f"known_first_party = {json.dumps(config['known_first_party'])}",
        f"per_rule_ignores = {{ DEP002 = {json.dumps(_USED_BY_NAME)}, DEP003 = {json.dumps(_OF_ANOTHER)} }}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pyproject.toml")
        file.write_text("\n".join(lines))
        return _tool("deptry", "--no-ansi", "--config", str(file), *_PRODUCT)()


def _named(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line and not line.startswith(("#", "-"))]


def _djlint(*arguments: str) -> Check:
    return _tool("djlint", "templates", "--quiet", *arguments)


CHECKS: dict[str, Check] = {
    "ruff check": _tool("ruff", "check", ".", "run"),
    "ruff format": _tool("ruff", "format", "--check", ".", "run"),
    "lint-imports": _tool("lint-imports"),
    "deptry": _dependencies,
    "registry host names": _no_registry_host_names,
    "djlint --lint": _djlint("--lint"),
    "djlint --check": _djlint("--check"),
    "makemigrations --check": _manage("makemigrations", "--check", "--dry-run"),
    "check --deploy": _manage("check", "--deploy", "--fail-level", "WARNING", variables=_production_variables()),
    "mypy": _tool("mypy"),
}


def main(arguments: list[str]) -> int:
    chosen = {name: check for name, check in CHECKS.items() if not arguments or any(a in name for a in arguments)}
    if not chosen:
        print(f"There is no such check: they are {', '.join(CHECKS)}.", file=sys.stderr)
        return 2
    failed: list[str] = []
    for name, check in chosen.items():
        started = time.monotonic()
        good, output = check()
        print(f"{'ok    ' if good else 'FAILED'}  {name:<24} {time.monotonic() - started:5.1f} s", flush=True)
        if not good:
            failed.append(name)
            lines = output.strip().splitlines()
            shown = lines if len(lines) <= _OUTPUT_LINES else [*lines[:_OUTPUT_LINES], f"... {len(lines)} lines"]
            print("\n".join(f"        {line}" for line in shown), flush=True)
    if failed:
        print(f"{len(failed)} of {len(chosen)} checks failed: {', '.join(failed)}.")
        return 1
    print(f"All {len(chosen)} checks passed.")
    return 0
