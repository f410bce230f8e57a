"""Files on bills. Intuit: Attachable and upload."""

from __future__ import annotations

from collections.abc import Collection

from accounting.books import Paper
from accounting.models import Bill
from qbo import gateway


def send(company: gateway.Company, kind: str, bill: Bill, paper: Paper) -> str:
    """Upload one file, linked to the bill; returns the id of its Attachable. Raises Fault or OutsideError."""
    about = {
        "AttachableRef": [{"EntityRef": {"type": kind, "value": bill.external_id}, "IncludeOnSend": False}],
        "FileName": paper.name,
        "ContentType": paper.content_type,
    }
    return str(company.upload(about, paper.content)["Id"])


def find(company: gateway.Company, kind: str, bill: Bill, paper: Paper, taken: Collection[str]) -> str:
    """The id of a file of that name on the bill, or an empty text."""
    value = gateway.quoted(str(bill.external_id))
    where = f"WHERE AttachableRef.EntityRef.Type = '{kind}' AND AttachableRef.EntityRef.value = {value}"
    for row in company.query("Attachable", where):
        if row.get("FileName") == paper.name and str(row["Id"]) not in taken:
            return str(row["Id"])
    return ""
