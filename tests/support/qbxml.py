"""Message sets as the tests of the PC write them, by hand and without the product."""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element, fromstring
from xml.sax.saxutils import escape


def message_set(*requests: str, new: str = "", old: str = "", on_error: str = "stopOnError") -> str:
    ids = "".join(f' {name}="{value}"' for name, value in (("newMessageSetID", new), ("oldMessageSetID", old)) if value)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<?qbxml version="13.0"?>\n'
        f'<QBXML><QBXMLMsgsRq{ids} onError="{on_error}">{"".join(requests)}</QBXMLMsgsRq></QBXML>'
    )


def elements(values: dict[str, Any]) -> str:
    """Nested elements in the order given; a list repeats its element."""
    parts = []
    for name, value in values.items():
        for each in value if isinstance(value, list) else [value]:
            inner = elements(each) if isinstance(each, dict) else escape(str(each)).encode("ascii", "xmlcharrefreplace")
            parts.append(f"<{name}>{inner.decode() if isinstance(inner, bytes) else inner}</{name}>")
    return "".join(parts)


def request(name: str, values: dict[str, Any] | None = None, **attributes: str) -> str:
    told = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}Rq{told}>{elements(values or {})}</{name}Rq>"


def bill_add(vendor: str = "Acme Concrete LLC", **changes: Any) -> str:
    """A BillAdd of one expense line; a value of None leaves its element out, and the order stays the schema's."""
    lines = changes.pop("lines", [expense_line()])
    order = ("APAccountRef", "TxnDate", "DueDate", "RefNumber", "TermsRef", "Memo", "ExternalGUID")
    values = {"TxnDate": "2026-11-03", "RefNumber": "INV-1", "Memo": "Footings [inBuild 1017]"} | changes
    header = {name: values[name] for name in order if values.get(name) is not None}
    body = {"VendorRef": {"FullName": vendor}, **header, "ExpenseLineAdd": lines}
    return request("BillAdd", {"BillAdd": body}, requestID="b-1")


def expense_line(amount: str = "100.00", **changes: Any) -> dict[str, Any]:
    return {"AccountRef": {"FullName": "Job Costs - Subcontractors"}, "Amount": amount, **changes}


def responses(text: str) -> list[Element]:
    return list(fromstring(text)[0])  # noqa: S314 - from the emulator


def statuses(text: str) -> list[tuple[int, str]]:
    """Code and severity of every response."""
    return [(int(each.get("statusCode", "-1")), each.get("statusSeverity", "")) for each in responses(text)]


def set_status(text: str) -> str:
    found = re.search(r'messageSetStatusCode="(\d+)"', text)
    return found.group(1) if found else ""
