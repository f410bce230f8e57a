"""The file that an admin opens in the Web Connector on the PC, so that it knows where to call.

Intuit: Web Connector programmer's guide, the QWC file.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from urllib.parse import urlsplit

from lxml import etree

from qbd.qbxml import clean

# Ours in every company file, for ever: with another one the Web Connector takes an added file for a new application.
OWNER_ID = "{3C2A7C6E-3B0B-4B8E-9A53-2C3A1D0E7F10}"
CONTENT_TYPE = "application/x-qwc"
NAME_LENGTH = 80
DESCRIPTION = "Sends approved invoices to QuickBooks as bills"


def braced(file_id: uuid.UUID) -> str:
    """As the Web Connector writes it into the company file."""
    return f"{{{file_id}}}".upper()


def qwc(*, name: str, address: str, support: str, user_name: str, file_id: uuid.UUID, minutes: int = 10) -> bytes:
    """The same connection gives the same file, however often it is loaded down. It never holds the password.

    `name` is the company file's: each of them must be another application to the Web Connector. Raises ValueError
    for addresses and names that the Web Connector would refuse.
    """
    _fit_to_call(address)
    _fit_to_call(support)
    if urlsplit(address).netloc != urlsplit(support).netloc:
        raise ValueError("The support page must be on the host that the Web Connector calls.")
    if not user_name or minutes < 1:
        raise ValueError("A user name and at least one minute between calls are needed.")
    root = etree.Element("QBWCXML")
    for field, value in (
        ("AppName", app_name(name)),
        ("AppID", ""),
        ("AppURL", address),
        ("AppDescription", DESCRIPTION),
        ("AppSupport", support),
        ("UserName", user_name),
        ("OwnerID", OWNER_ID),
        ("FileID", braced(file_id)),
        ("QBType", "QBFS"),
        ("Style", "Document"),
    ):
        etree.SubElement(root, field).text = value
    etree.SubElement(etree.SubElement(root, "Scheduler"), "RunEveryNMinutes").text = str(minutes)
    # With true the Web Connector cannot stamp the company file, and refuses to add the application.
    etree.SubElement(root, "IsReadOnly").text = "false"
    etree.SubElement(root, "PersonalDataPref").text = "pdpNotNeeded"
    etree.SubElement(root, "UnattendedModePref").text = "umpOptional"
    etree.indent(root)
    made: bytes = etree.tostring(root, encoding="us-ascii", xml_declaration=False)
    return b'<?xml version="1.0"?>\n' + made + b"\n"


def app_name(name: str) -> str:
    return clean(f"inBuild - {name}", NAME_LENGTH).rstrip(" -")


def file_name(name: str) -> str:
    """For the download; Windows takes it."""
    bare = re.sub(r"[^A-Za-z0-9 ._-]+", " ", app_name(name))
    return f"{re.sub(' +', ' ', bare).strip(' .') or 'inBuild'}.qwc"


def _fit_to_call(address: str) -> None:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{address} is no address that the Web Connector can call.")
    if parts.scheme == "http" and host not in ("localhost", "127.0.0.1"):
        raise ValueError("The Web Connector calls only https, except on its own PC.")
    if parts.scheme == "https" and _is_number(host):
        raise ValueError("The Web Connector calls hosts by their name only.")


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
