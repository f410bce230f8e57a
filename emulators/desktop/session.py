"""One session of the Web Connector with one application: the state machine of qbd.md 1.4, call by call."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from emulators.desktop import misfortune
from emulators.desktop.cuts import AFTER_DELIVERY, AFTER_SAVING, RESTORES, CutPoints
from emulators.desktop.pc import Pc
from emulators.desktop.processor import QuickBooksSession
from emulators.desktop.qwc import Application
from emulators.desktop.refusals import Denied
from emulators.desktop.store import Store
from emulators.desktop.wire import CallFailed, Result, Wire
from emulators.shared.faults import FaultRule
from emulators.shared.ledger import wall_time

# What the Web Connector shows when a call of this kind fails (qbd.md 1.1, 1.9).
CODES = {
    "serverVersion": "",
    "clientVersion": "QBWC1036",
    "authenticate": "QBWC1012",
    "sendRequestXML": "QBWC1041",
    "receiveResponseXML": "QBWC1042",
    "getLastError": "QBWC1043",
    "closeConnection": "QBWC1044",
    "connectionError": "QBWC1045",
}
_WRITES = re.compile(r"<(BillAdd|BillMod|VendorCreditAdd|VendorCreditMod|VendorAdd|TxnDel)Rq\b")
_MOST_NOOPS, _MOST_TRIES = 20, 3


class Broken(Exception):
    """The session is over without another call: the PC died, or the server cannot be reached."""


@dataclass
class Report:
    """What a session did, as the control interface tells it."""

    app: str
    started: str
    outcome: str = ""
    status: str = ""
    ticket: str = ""
    file: str = ""
    codes: list[str] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    cuts: list[str] = field(default_factory=list)
    message_sets: int = 0
    percent: int = 0
    ended: str = ""
    id: int = 0


@dataclass
class Late:
    """A receiveResponseXML that waits for the next session."""

    ticket: str
    response: str


class Session:
    """Made for one run; `run` answers the report."""

    def __init__(self, pc: Pc, cuts: CutPoints, app: Application, number: int, late: list[Late]) -> None:
        self._pc, self._cuts, self._app, self._late = pc, cuts, app, late
        self._store: Store = pc.store
        self.report = Report(app.name, wall_time(), id=number)
        self._open: QuickBooksSession | None = None
        wanted = self._store.switches
        self._wire = Wire(
            app.url, wsdl=wanted["wsdl"], timeout=float(wanted["http_timeout_seconds"]), style=wanted["soap_style"]
        )

    def run(self) -> Report:
        try:
            self._talk()
        except Broken as broken:
            self.report.outcome = self.report.outcome or "broken"
            self.report.status = str(broken)
        if self._open is not None and not self._pc.state["running"]:
            # QuickBooks was started for this session alone.
            self._pc.file_closed(self._open.file)
        self.report.ended = wall_time()
        return self.report

    # The state machine

    def _talk(self) -> None:
        if not self._app.password:
            self.report.codes.append("QBWC1030")
            raise Broken("No password was typed in.")
        self._ask_server_version()
        if not self._client_version_is_welcome():
            return
        verdict = self._authenticate()
        if verdict is None:
            return
        if not self._begin(verdict):
            return
        self._exchange()

    def _ask_server_version(self) -> None:
        try:
            self._call("serverVersion", {})
        except CallFailed:
            # qbd.md 1.4: it is optional for the server; the log has it.
            self.report.codes.append("no_serverVersion")

    def _client_version_is_welcome(self) -> bool:
        answer = self._asked("clientVersion", {"strVersion": str(self._store.switches["connector_version"])})
        kind, _, text = answer.partition(":")
        if not answer or kind == "O":
            return True
        if kind == "W":
            if self._store.switches["person_accepts_warning"]:
                return True
            return self._end("stopped", text)
        if kind == "E":
            return self._end("stopped", text)
        self.report.codes.append("QBWC1046")
        return self._end("stopped", f"clientVersion answered {answer!r}.")

    def _end(self, outcome: str, status: str) -> bool:
        self.report.outcome, self.report.status = outcome, status
        return False

    def _authenticate(self) -> str | None:
        """The company file to open ("" is the open one), or None if there is nothing to do."""
        values = {"strUserName": self._app.user, "strPassword": self._app.password}
        answer = self._tried("authenticate", values)
        if not isinstance(answer, list) or not 2 <= len(answer) <= 4:
            self.report.codes.append(CODES["authenticate"])
            raise Broken("authenticate did not answer two to four strings.")
        self.report.ticket, verdict = answer[0], answer[1]
        self._deliver_late()
        postponed = self._postpone(answer[2:])
        word = verdict.casefold()
        if word == "nvu":
            self.report.codes.append("QBWC1040")
            self._end("nvu", "Authentication failed: the password is wrong.")
        elif word == "none":
            self._end("none", "No data exchange required.")
        elif word == "busy":
            self._end("busy", "The application is busy.")
        elif postponed:
            self._end("postponed", "Update postponed by application.")
        else:
            return verdict
        if word != "busy" or self._store.switches["closes_after_busy"]:
            self._close(self.report.status)
        return None

    def _postpone(self, more: list[str]) -> bool:
        """Entries 2 and 3 of the answer count only where Auto-Run is ticked."""
        if not self._app.auto_run:
            return False
        seconds = [float(text) if text.strip().isdigit() else 0.0 for text in [*more, "", ""][:2]]
        if seconds[1]:
            self._app.least_seconds = seconds[1]
        if seconds[0]:
            self._app.postponed_until = time.time() + seconds[0]
        return bool(seconds[0])

    def _begin(self, path: str) -> bool:
        """OpenConnection and BeginSession; while QuickBooks refuses, the server may name another file."""
        for _ in range(_MOST_TRIES):
            try:
                file = self._pc.open_for(path)
            except Denied as denied:
                values = {"ticket": self.report.ticket, "hresult": denied.hresult, "message": denied.message}
                answer = self._asked("connectionError", values)
                self.report.status = denied.message
                self.report.codes.append(denied.hresult)
                if answer.casefold() == "done":
                    break
                path = answer
            else:
                self.report.file = file.name
                self._open = QuickBooksSession(self._store, file.name, self._app.name, self._app.owner)
                return True
        self.report.outcome = "no_quickbooks"
        if self._store.switches["closes_after_connection_error"]:
            self._close(self.report.status)
        return False

    def _exchange(self) -> None:
        assert self._open is not None  # noqa: S101 - _begin says so
        first, pauses = self._open.first_contact(), 0
        while True:
            text = self._fetch(first)
            first = ""
            if text:
                percent = self._work(text)
                self.report.percent = max(percent, 0)
                if percent >= 100:
                    self.report.outcome = "done"
                    break
                if percent >= 0:
                    continue
            words = self._asked("getLastError", {"ticket": self.report.ticket})
            if not text and words == "NoOp" and pauses < _MOST_NOOPS:
                pauses += 1
                time.sleep(float(self._store.switches["noop_seconds"]))
                continue
            self.report.outcome, self.report.status = ("error" if text else "nothing"), words
            break
        if self._strikes("closes_unsaid", text="", anywhere=True) is None:
            self._close(self.report.status)

    def _fetch(self, first: str) -> str:
        """sendRequestXML: the next message set, or nothing."""
        assert self._open is not None  # noqa: S101
        values = {
            "ticket": self.report.ticket,
            "strHCPResponse": first,
            "strCompanyFileName": self._store.file(self._open.file).path,
            "qbXMLCountry": "US",
            "qbXMLMajorVers": "16",
            "qbXMLMinorVers": "0",
        }
        answer = self._tried("sendRequestXML", values)
        if not isinstance(answer, str):
            self._fails("sendRequestXML", "Object reference not set to an instance of an object.")
        text = str(answer)
        if text == "NoOp":
            if self._store.switches["noop_from_send"] == "fails":
                self._fails("sendRequestXML", "Object reference not set to an instance of an object.")
            time.sleep(float(self._store.switches["noop_seconds"]))
            return ""
        if text and self._strikes("request_lost", text=text):
            self._fails(
                "sendRequestXML", "The underlying connection was closed: The connection was closed unexpectedly."
            )
        if text and self._strikes("dies_before_quickbooks", text=text):
            raise Broken("The Web Connector died.")
        return text

    def _work(self, text: str) -> int:
        """Let QuickBooks do the message set, and bring the answer."""
        assert self._open is not None  # noqa: S101
        self.report.message_sets += 1
        slow = self._strikes("slow", text=text)
        if slow is not None:
            time.sleep(self._cuts.seconds(slow))
        # A backup takes its time, so it is only made where a cut may want it back.
        restores = any(rule.fault in RESTORES for rule in self._cuts.rules())
        backup = self._store.snapshot(self._open.file) if restores and _WRITES.search(text) else None
        response, hresult, message = self._process(text)
        for cut in AFTER_SAVING if not hresult else ():
            rule = self._strikes(cut, text=text)
            if rule is not None:
                misfortune.befall(self._store, self._open.file, rule, text, response, backup)
                if cut == "delivered_late":
                    self._late.append(Late(self.report.ticket, response))
                raise Broken("The PC died.")
        percent = self._bring(text, response, hresult, message)
        for cut in AFTER_DELIVERY if not hresult else ():
            rule = self._strikes(cut, text=text)
            if rule is not None:
                misfortune.befall(self._store, self._open.file, rule, text, response, backup)
        return percent

    def _process(self, text: str) -> tuple[str, str, str]:
        """Response, hresult, message."""
        assert self._open is not None  # noqa: S101
        rule = self._strikes("hresult_before", text=text)
        denied = None if rule is None else Denied(str(rule.extra.get("hresult", "0x80040402")))
        if denied is None:
            try:
                keeps = self._strikes("record_not_stored", text=text) is None
                response = self._open.process(text, keeps_record=keeps)
                rule = self._strikes("hresult_after", text=text)
                if rule is None:
                    return response, "", ""
                denied = Denied(str(rule.extra.get("hresult", "0x80040402")))
            except Denied as refused:
                denied = refused
        self.report.codes.append(denied.hresult)
        self._store.ledger.append(
            "message_set.refused", self._app.name, {"hresult": denied.hresult, "detail": denied.detail, "text": text}
        )
        return "", denied.hresult, denied.message

    def _bring(self, text: str, response: str, hresult: str, message: str) -> int:
        values = {"ticket": self.report.ticket, "response": response, "hresult": hresult, "message": message}
        accident = ""
        for cut, kind in (("response_cut", "half"), ("answer_lost", "answer")):
            if not accident and self._strikes(cut, text=text):
                accident = kind
        if self._strikes("delivered_twice", text=text):
            self._tried("receiveResponseXML", values)
        answer = self._tried("receiveResponseXML", values, accident)
        if not isinstance(answer, str) or not re.fullmatch(r"-?\d+", answer.strip()):
            self._fails("receiveResponseXML", f"receiveResponseXML answered {answer!r}, not a number.")
        return int(str(answer))

    def _deliver_late(self) -> None:
        """What an earlier session could not deliver comes now, under its old ticket."""
        while self._late:
            late = self._late.pop(0)
            values = {"ticket": late.ticket, "response": late.response, "hresult": "", "message": ""}
            self._tried("receiveResponseXML", values)

    def _close(self, status: str) -> None:
        text = self._asked("closeConnection", {"ticket": self.report.ticket})
        self.report.status = text or status

    # Calls

    def _strikes(self, cut: str, *, text: str, anywhere: bool = False) -> FaultRule | None:
        """Cuts wait for a message set that writes; a rule with "any": true takes every one."""
        if not anywhere and not _WRITES.search(text):
            every = any(rule.fault == cut and rule.extra.get("any") for rule in self._cuts.rules())
            if not every:
                return None
        rule = self._cuts.strikes(cut, app=self._app.name, text=text)
        if rule is not None:
            self.report.cuts.append(cut)
        return rule

    def _asked(self, operation: str, values: Mapping[str, str]) -> str:
        """A call whose answer is one string."""
        answer = self._tried(operation, values)
        if not isinstance(answer, str):
            self._fails(operation, "Object reference not set to an instance of an object.")
        return str(answer)

    def _tried(self, operation: str, values: Mapping[str, str], accident: str = "") -> Result:
        try:
            return self._call(operation, values, accident)
        except CallFailed as failed:
            self._fails(operation, str(failed))
            raise

    def _fails(self, operation: str, why: str) -> None:
        self.report.codes.append(CODES[operation])
        self.report.outcome = "failed"
        raise Broken(f"{CODES[operation]}: {operation} failed. {why}")

    def _call(self, operation: str, values: Mapping[str, str], accident: str = "") -> Result:
        self.report.operations.append(operation)
        started, answer, code = time.perf_counter(), "", ""
        try:
            result = self._wire.call(operation, values, accident)
            answer = "\x1f".join(result) if isinstance(result, list) else result or ""
            return result
        except CallFailed as failed:
            answer, code = str(failed), CODES[operation]
            raise
        finally:
            self._note(operation, values, answer, code, (time.perf_counter() - started) * 1000)

    def _note(self, operation: str, values: Mapping[str, str], answer: str, code: str, milliseconds: float) -> None:
        """A line of QWCLog.txt at level VERBOSE, without the password."""
        shown = {name: "***" if name == "strPassword" else value for name, value in values.items()}
        sent = "\n".join(f"{name}={value}" for name, value in shown.items())
        self._store.ledger.execute(
            "INSERT INTO call (session, at, app, operation, sent, answer, code, milliseconds) VALUES (?,?,?,?,?,?,?,?)",
            (self.report.id, wall_time(), self._app.name, operation, sent, answer, code, milliseconds),
        )


def as_json(report: Report) -> dict[str, Any]:
    return asdict(report)
