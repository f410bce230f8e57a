"""Mappings as a CSV file: written for a spreadsheet, read back with every mistake named by its line."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from accounting import listing
from accounting.listing import Row, Tab
from accounting.mapping import Ours
from accounting.models import Integration, ListEntry
from inbuild import sheets

HEAD = ("Key", "inBuild", "QuickBooks", "QuickBooks ID", "Invoices waiting", "Amount waiting")
LINES = 20_000
BYTES = 5_000_000


class Unreadable(Exception):
    """The file is no such CSV at all. The text is for the person."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line that would change something."""

    key: str
    ours: Ours
    before: str
    entry: ListEntry


@dataclass(slots=True)
class Reading:
    """What a file would do. With mistakes nothing of it may be done."""

    changes: list[Change] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    lines: int = 0

    @property
    def unchanged(self) -> int:
        return self.lines - len(self.changes)


def written(rows: Iterable[Row]) -> Iterator[str]:
    """The lines of the file."""
    return sheets.written(_cells(rows))


def _cells(rows: Iterable[Row]) -> Iterator[Iterable[str]]:
    yield HEAD
    for row in rows:
        cause = row.cause
        theirs = (row.mapped.entry.name, row.mapped.entry.external_id) if row.mapped else ("", "")
        waiting = (str(cause.bills), f"{cause.total:.2f}") if cause else ("0", "0.00")
        yield (*(sheets.safe(cell) for cell in (row.key, row.name, *theirs)), *waiting)


def read(data: bytes, integration: Integration, tab: Tab) -> Reading:
    """Hold a file against the rows of a tab and the books' list. Raises Unreadable.

    The name decides; the id only where two entries share the name. An empty name changes nothing.
    """
    found = Reading()
    lines = list(_lines(data))
    known = {row.key: row for row in listing.everything(integration, tab, {})}
    by_name: dict[str, list[ListEntry]] = defaultdict(list)
    for entry in listing.entries(integration, tab.kind):
        by_name[entry.name.casefold()].append(entry)
    first_line: dict[str, int] = {}
    for number, cells in lines:
        found.lines += 1
        key, name, external_id = cells["Key"], cells["QuickBooks"], cells.get("QuickBooks ID", "")
        row = known.get(key)
        if row is None:
            found.mistakes.append(f"Line {number}: inBuild has no {tab.ours.lower()} with the key “{key[:60]}”.")
        elif key in first_line:
            found.mistakes.append(f"Line {number}: {row.name} stands in line {first_line[key]} already.")
        elif name:
            _judge(found, number, row, name, external_id, by_name, tab)
        first_line.setdefault(key, number)
    return found


def _judge(
    found: Reading, number: int, row: Row, name: str, external_id: str, by_name: dict[str, list[ListEntry]], tab: Tab
) -> None:
    if name == row.theirs:
        return
    entries = by_name.get(name.casefold(), [])
    if len(entries) > 1:
        entries = [entry for entry in entries if entry.external_id == external_id]
    if len(entries) == 1:
        found.changes.append(Change(row.key, row.ours, row.theirs, entries[0]))
    elif by_name.get(name.casefold()):
        words = f"QuickBooks has more than one {tab.theirs} called “{name[:80]}”. Give its QuickBooks ID."
        found.mistakes.append(f"Line {number}: {words}")
    else:
        found.mistakes.append(f"Line {number}: QuickBooks has no active {tab.theirs} called “{name[:80]}”.")


def _lines(data: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line that is not empty with its number, by column. Spreadsheets write commas or semicolons."""
    if len(data) > BYTES:
        raise Unreadable("The file is too large. 5 MB are enough for every mapping.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise Unreadable("The file is not UTF-8. Save it as CSV UTF-8.") from exc
    if "\0" in text:
        raise Unreadable("The file is not a CSV file.")
    head = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",")
    try:
        columns = [name.strip() for name in next(reader, [])]
        if not {"Key", "QuickBooks"} <= set(columns):
            raise Unreadable("The first line must name the columns Key and QuickBooks, as the file you download does.")
        for count, cells in enumerate(reader):
            if count >= LINES:
                raise Unreadable(f"The file has more than {LINES:,} lines.")
            if any(cell.strip() for cell in cells):
                # The number in the file, where a quoted cell may hold line breaks.
                yield (
                    reader.line_num,
                    {name: sheets.plain(cell) for name, cell in zip(columns, cells, strict=False)}
                    | {name: "" for name in columns[len(cells) :]},
                )
    except csv.Error as exc:
        raise Unreadable(f"Line {reader.line_num} cannot be read as CSV.") from exc
