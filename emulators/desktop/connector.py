"""The Web Connector: its list of applications, Update Selected, Auto-Run, and its log."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import asdict
from typing import Any

from emulators.desktop import qwc
from emulators.desktop.cuts import CutPoints
from emulators.desktop.pc import Pc
from emulators.desktop.qwc import Application
from emulators.desktop.session import Late, Session, as_json

_SETTING = "applications"
_TICK = 0.05


class Connector:
    """One per PC. Sessions run one after another, as the real one holds a lock for the Windows user."""

    def __init__(self, pc: Pc, cuts: CutPoints) -> None:
        self.pc, self.cuts, self._ledger = pc, cuts, pc.store.ledger
        self._one_at_a_time = threading.Lock()
        self._late: dict[str, list[Late]] = {}
        self._ran: dict[str, float] = {}
        self.applications: dict[str, Application] = {
            name: Application(**facts) for name, facts in self._ledger.setting(_SETTING, {}).items()
        }
        threading.Thread(target=self._watch, daemon=True).start()

    def add(self, text: str, password: str) -> Application:
        """Add an application from the text of its .qwc file. Raises NotAdded."""
        try:
            app = qwc.add(self.pc, text, password)
        except qwc.NotAdded as refused:
            self._ledger.append("application.refused", "", {"code": refused.code, "message": str(refused)})
            raise
        known = self.applications.get(app.name)
        if known is not None and known.file_id.upper() != app.file_id.upper():
            app.name = next(name for n in range(2, 1000) if (name := f"{app.name} ({n})") not in self.applications)
        self.applications[app.name] = app
        self._keep()
        self._ledger.append("application.added", app.name, app.shown())
        return app

    def change(self, name: str, wanted: dict[str, Any]) -> Application:
        """password, ticked, auto_run, every_seconds: what a person sets in the list."""
        app = self.application(name)
        for field in ("password", "ticked", "auto_run", "every_seconds"):
            if field in wanted:
                setattr(app, field, type(getattr(app, field))(wanted[field]))
        if wanted.get("auto_run"):
            # The first run comes after one interval.
            self._ran[name] = time.monotonic()
        self._keep()
        return app

    def remove(self, name: str) -> None:
        """Out of the list; the stamp stays in the company file."""
        self.applications.pop(self.application(name).name)
        self._keep()

    def application(self, name: str = "") -> Application:
        if not name and len(self.applications) == 1:
            return next(iter(self.applications.values()))
        if name not in self.applications:
            raise LookupError(f"The Web Connector has no application {name!r}.")
        return self.applications[name]

    def update(self, name: str = "") -> dict[str, Any]:
        """One session, to its end; answer its report."""
        app = self.application(name)
        with self._one_at_a_time:
            with self._ledger.writing() as db:
                number = int(db.execute("INSERT INTO session (data) VALUES ('{}')").lastrowid or 0)
            session = Session(self.pc, self.cuts, app, number, self._late.setdefault(app.name, []))
            report = as_json(session.run())
            self._ledger.execute("UPDATE session SET data = ? WHERE id = ?", (json.dumps(report), number))
            app.status = report["status"]
            self._ran[app.name] = time.monotonic()
            self._keep()
        return report

    def update_selected(self) -> list[dict[str, Any]]:
        return [self.update(app.name) for app in list(self.applications.values()) if app.ticked]

    def sessions(self, *, after: int = 0, app: str = "") -> list[dict[str, Any]]:
        rows = self._ledger.query("SELECT data FROM session WHERE id > ? AND data <> '{}' ORDER BY id", (after,))
        reports = [json.loads(row["data"]) for row in rows]
        return [report for report in reports if not app or report["app"] == app]

    def calls(self, session: int) -> list[dict[str, Any]]:
        return [dict(row) for row in self._ledger.query("SELECT * FROM call WHERE session = ? ORDER BY id", (session,))]

    def log(self, after: int = 0) -> str:
        """QWCLog.txt: one line for each call, and one for what went wrong."""
        lines = []
        for row in self._ledger.query("SELECT * FROM call WHERE id > ? ORDER BY id", (after,)):
            stamp = row["at"].replace("-", "").replace("T", ".").replace("Z", " UTC")
            lines.append(f"{stamp}\t: {row['app']} : {row['operation']}() {row['milliseconds']:.0f} ms")
            if row["code"]:
                lines.append(f"{stamp}\t: {row['code']}: {row['operation']} failed. {row['answer']}")
        return "\n".join(lines) + "\n"

    def forget(self) -> None:
        """No applications; sessions and calls stay, as the history is append-only."""
        with self._one_at_a_time:
            self.applications, self._late, self._ran = {}, {}, {}
            self._keep()

    def _keep(self) -> None:
        self._ledger.set_setting(_SETTING, {name: asdict(app) for name, app in self.applications.items()})

    def _watch(self) -> None:
        """Auto-Run."""
        while True:
            time.sleep(_TICK)
            for app in list(self.applications.values()):
                if app.auto_run and app.ticked and self._is_due(app):
                    try:
                        self.update(app.name)
                    except Exception:
                        logging.getLogger("emulators").exception("A session ended with an unexpected error.")

    def _is_due(self, app: Application) -> bool:
        interval = max(app.every_seconds, app.least_seconds)
        waited = time.monotonic() - self._ran.setdefault(app.name, time.monotonic())
        return interval > 0 and waited >= interval and time.time() >= app.postponed_until
