"""CSV that spreadsheets open as it was meant: UTF-8, and no cell of ours becomes a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

# A spreadsheet takes a cell that begins like this for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def written(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Line by line. The mark at its start tells spreadsheets that it is UTF-8."""
    mark = "\ufeff"
    for row in rows:
        out = io.StringIO()
        csv.writer(out).writerow(row)
        yield mark + out.getvalue()
        mark = ""


def safe(cell: str) -> str:
    """Text as text, whatever it begins with. Not for numbers of ours, which may be negative."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def plain(cell: str) -> str:
    """As `safe` wrote it, back."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
