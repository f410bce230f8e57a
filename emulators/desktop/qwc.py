"""Adding an application to the Web Connector: what it checks in the .qwc file, and how it refuses (qbd.md 1.7-1.9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError, fromstring

from emulators.desktop.pc import Pc
from emulators.desktop.refusals import Denied
from emulators.desktop.store import CompanyFile
from emulators.desktop.wire import get_status

_NEEDED = ("AppName", "AppURL", "AppDescription", "AppSupport", "UserName", "OwnerID", "FileID", "QBType")
_GUID = re.compile(r"\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")
_ADDRESS = re.compile(r"[\d.]+|.*:.*")
_LOOPBACK = ("127.0.0.1", "::1")


class NotAdded(Exception):
    """The application does not come into the list; `code` is what the Web Connector shows."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Application:
    """A row of the Web Connector's list."""

    name: str
    url: str
    user: str
    owner: str
    file_id: str
    # The company file that was open when it was added.
    file: str
    password: str = ""
    ticked: bool = True
    auto_run: bool = False
    every_seconds: float = 0
    least_seconds: float = 0
    postponed_until: float = 0
    status: str = ""
    qwc: dict[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """For the control interface: everything but the password."""
        facts = {name: value for name, value in vars(self).items() if name != "password"}
        return {**facts, "has_password": bool(self.password)}


def read(text: str) -> dict[str, str]:
    """The elements of the file."""
    try:
        root = fromstring(text.encode())  # noqa: S314 - the product's own file
    except ParseError as error:
        raise NotAdded("QBWC1005", f"The file is not well-formed XML: {error}.") from error
    if root.tag != "QBWCXML":
        raise NotAdded("QBWC1005", "The file is no QBWCXML.")
    found = {child.tag: (child.text or "").strip() for child in root}
    for child in root.findall("Scheduler/*"):
        found.setdefault(child.tag, (child.text or "").strip())
    missing = [name for name in _NEEDED if not found.get(name)]
    if missing:
        raise NotAdded("QBWC1005", f"The file lacks {', '.join(missing)}.")
    for name in ("OwnerID", "FileID"):
        if not _GUID.fullmatch(found[name]):
            raise NotAdded("QBWC1005", f"{name} is no GUID in braces.")
    return found


def add(pc: Pc, text: str, password: str) -> Application:
    """Check everything the Web Connector checks, stamp the file, answer the application."""
    found = read(text)
    _check_addresses(pc, found)
    file = _open_file(pc)
    _stamp(pc, file, found)
    return Application(
        name=found["AppName"],
        url=found["AppURL"],
        user=found["UserName"],
        owner=found["OwnerID"],
        file_id=found["FileID"],
        file=file.name,
        password=password,
        every_seconds=_interval(found),
        qwc=found,
    )


def _interval(found: dict[str, str]) -> float:
    if found.get("RunEveryNMinutes", "").isdigit():
        return float(found["RunEveryNMinutes"]) * 60
    return float(found["RunEveryNSeconds"]) if found.get("RunEveryNSeconds", "").isdigit() else 0


def _check_addresses(pc: Pc, found: dict[str, str]) -> None:
    address, support = urlsplit(found["AppURL"]), urlsplit(found["AppSupport"])
    host, helper = address.hostname or "", support.hostname or ""
    at_home = host == "localhost" or (host in _LOOPBACK and bool(pc.store.switches["loopback_is_localhost"]))
    for place, code in ((host, "QBWC1001"), (helper, "QBWC1002")):
        if _ADDRESS.fullmatch(place) and not (place in _LOOPBACK and pc.store.switches["loopback_is_localhost"]):
            raise NotAdded(code, f"The address {place} must be a host name.")
    if address.scheme != "https" and not at_home:
        raise NotAdded("QBWC1010", "The application's address must be https, unless it is on localhost.")
    strict = bool(pc.store.switches["same_host_for_support"])
    if _domain(host, strict) != _domain(helper, strict):
        raise NotAdded("QBWC1000", "AppSupport is in another domain than AppURL.")
    timeout = float(pc.store.switches["http_timeout_seconds"])
    status = get_status(found["AppURL"], timeout)
    if status != 200:
        raise NotAdded("QBWC1048", f"The certificate could not be checked: GET {found['AppURL']} answered {status}.")
    status = get_status(found["AppSupport"], timeout)
    if status not in (200, 202):
        raise NotAdded("QBWC1004" if status else "QBWC1003", f"The support page answered {status}.")


def _domain(host: str, strict: bool) -> str:
    return host if strict else ".".join(host.rsplit(".", 2)[-2:])


def _open_file(pc: Pc) -> CompanyFile:
    try:
        return pc.open_for("", adding=True)
    except Denied as denied:
        code = {"0x80040414": "QBWC1013", "0x80040416": "QBWC1007"}.get(denied.hresult, denied.hresult)
        raise NotAdded(code, denied.message) from denied


def _stamp(pc: Pc, file: CompanyFile, found: dict[str, str]) -> None:
    """The FileID goes into the company file as a data extension of the owner."""
    if found.get("IsReadOnly", "").lower() == "true":
        raise NotAdded("QBWC1039", "Unique OwnerID/FileID pair value required. (3263: the application is read-only.)")
    there = next((stamp for owner, stamp in file.stamps.items() if owner.upper() == found["OwnerID"].upper()), None)
    if there is not None and there.upper() != found["FileID"].upper():
        raise NotAdded("QBWC1039", "Unique OwnerID/FileID pair value required.")
    if there is None:
        file.stamps[found["OwnerID"]] = found["FileID"]
        pc.store.keep_file(file)
        pc.store.ledger.append("file.stamped", file.name, {"owner": found["OwnerID"], "file_id": found["FileID"]})
