"""Connects a company to QuickBooks Desktop on the emulated PC: inBuild's pages and the PC's list, as an admin would."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import requests

from launcher.browser import TIMEOUT, Browser, WalkFailed

SETTINGS = "/settings/accounting/"
FILES = f"{SETTINGS}desktop/"
AUTO_RUN_SECONDS = 3.0
SESSION_SECONDS = 120.0
_PASSWORD = re.compile(r'id="password">([^<]+)<')


def connect(person: Browser, pc: str, *, name: str, file: str, every: float = AUTO_RUN_SECONDS) -> str:
    """Add the company file, take its .qwc and password to the PC, run the first session, leave Auto-Run ticked."""
    desk = Pc(pc)
    person.open(SETTINGS)
    if person.form(FILES, "/disconnect/"):
        desk.tick(every)
        return ""
    form = person.form(f"{FILES}add/")
    if form is None:
        raise WalkFailed("Settings → Accounting Integrations shows no Add a company file.")
    person.send(form, {"name": name})
    password = _PASSWORD.search(person.source)
    if password is None:
        raise WalkFailed(f"The page shows no password for the Web Connector:\n{person.text}")
    person.open(f"{person.url.rstrip('/')}/file/")
    desk.call("PATCH", "pc", {"open_file": file, "running": True})
    app = str(desk.call("POST", "applications", {"qwc": person.source, "password": password.group(1)})["name"])
    report = desk.call("POST", "update", {"app": app})
    if report["outcome"] not in ("done", "nothing"):
        raise WalkFailed(f"The first session of the Web Connector ended with {report['outcome']}: {report['status']}")
    desk.tick(every)
    return "connected to QuickBooks Desktop"


class Pc:
    """What a person does at the PC, by its control addresses."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._session = requests.Session()
        self._session.trust_env = False

    def tick(self, every: float) -> None:
        """Auto-Run for each application in the list."""
        for app in self.call("GET", "applications", {})["applications"]:
            wanted = {"auto_run": every > 0, "every_seconds": every}
            self.call("PATCH", f"applications/{quote(app['name'])}", wanted)

    def call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        # A session may take longer than a page.
        timeout = SESSION_SECONDS if path == "update" else TIMEOUT
        answer = self._session.request(method, f"{self._base}/_emulator/{path}", json=body, timeout=timeout)
        if answer.status_code >= 400:
            raise WalkFailed(f"The PC answered {method} {path} with {answer.status_code}: {answer.text[:500]}")
        return answer.json()
