"""Short rows of invoices for the control API and the web pages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from emulators.procore.emulation import Emulation

_COLUMNS = ("company_id", "project_id", "commitment_id", "vendor_id", "status", "invoice_number")


def conditions(wanted: Mapping[str, str]) -> tuple[str, list[Any]]:
    """A WHERE text of constants with its parameters: id, columns, updated_after and text."""
    clauses, parameters = ["deleted = 0"], []  # type: tuple[list[str], list[Any]]
    for column in _COLUMNS:
        if wanted.get(column):
            values = wanted[column].split(",")
            clauses.append(f"{column} IN ({', '.join('?' * len(values))})")
            parameters += values
    if wanted.get("id"):
        values = wanted["id"].split(",")
        clauses.append(f"id IN ({', '.join('?' * len(values))})")
        parameters += values
    if wanted.get("updated_after"):
        clauses.append("updated_at > ?")
        parameters.append(wanted["updated_after"])
    if wanted.get("text"):
        clauses.append("(invoice_number LIKE ? OR header LIKE ?)")
        parameters += [f"%{wanted['text']}%", f'%"vendor_name": "%{wanted["text"]}%'] if wanted["text"] else []
    return " AND ".join(clauses), parameters


def count_rows(emulation: Emulation, wanted: Mapping[str, str]) -> int:
    where, parameters = conditions(wanted)
    return int(emulation.ledger.value(f"SELECT COUNT(*) FROM invoice WHERE {where}", parameters))  # noqa: S608


def short_rows(
    emulation: Emulation,
    wanted: Mapping[str, str],
    *,
    newest_first: bool = False,
    limit: int = -1,
    offset: int = 0,
) -> list[dict[str, Any]]:
    where, parameters = conditions(wanted)
    order = "updated_at DESC, id DESC" if newest_first else "id"
    rows = emulation.ledger.query(
        f"SELECT * FROM invoice WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608
        [*parameters, limit, offset],
    )
    return [short(row) for row in rows]


def short(row: sqlite3.Row) -> dict[str, Any]:
    """What a checker needs to know of an invoice."""
    header = json.loads(row["header"])
    summary = header.get("summary") or header.get("g702") or {}
    author = header.get("created_by") or {}
    return {
        "id": row["id"],
        "company_id": row["company_id"],
        "project_id": row["project_id"],
        "commitment_id": row["commitment_id"],
        "commitment_type": header.get("commitment_type"),
        "vendor_id": row["vendor_id"],
        "vendor_name": header.get("vendor_name"),
        "invoice_number": row["invoice_number"],
        "number": row["number"],
        "status": row["status"],
        "current_payment_due": str(summary.get("current_payment_due", "0.00")),
        "total_retainage": str(summary.get("total_retainage", "0.00")),
        "billing_date": header.get("billing_date"),
        "period_id": row["period_id"],
        "origin_id": row["origin_id"],
        "created_by": row["created_by"],
        "created_by_name": author.get("name"),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "approved_at": row["approved_at"],
        "attachments": len(header.get("attachments") or []),
        "verbatim": bool(row["verbatim"]),
    }


def one_short(emulation: Emulation, invoice_id: int) -> dict[str, Any]:
    return short(emulation.ledger.query("SELECT * FROM invoice WHERE id = ?", (invoice_id,))[0])
