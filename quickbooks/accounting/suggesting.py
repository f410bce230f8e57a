"""Which entry of the books a person would most likely choose. Shown and confirmed, never used by itself."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accounting.models import ListEntry

SUFFIXES = {"inc", "incorporated", "llc", "llp", "lp", "ltd", "limited", "co", "company", "corp", "corporation"}


def normalised(name: str) -> str:
    """A name without case, punctuation and legal form: good for a suggestion, never for a decision."""
    words = re.sub(r"[^\w\s]", " ", name.casefold().replace("&", " and ")).split()
    kept = [word for word in words if word not in SUFFIXES and word != "the"]
    return " ".join(kept or words)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An entry of the books, and what speaks for it in a person's words."""

    entry: ListEntry
    reason: str


class Suggestions:
    """A list of the books, read once and asked for many names."""

    def __init__(self, entries: Iterable[ListEntry]) -> None:
        self._by_id: dict[str, list[ListEntry]] = defaultdict(list)
        self._by_name: dict[str, list[ListEntry]] = defaultdict(list)
        self._by_form: dict[str, list[ListEntry]] = defaultdict(list)
        for entry in entries:
            self._by_id[entry.external_id].append(entry)
            self._by_name[entry.name.casefold()].append(entry)
            # Of "Company:Job" a person knows the job.
            for form in {normalised(entry.name), normalised(entry.name.rsplit(":", 1)[-1])}:
                self._by_form[form].append(entry)
        self._forms = sorted(self._by_form)

    def of(self, name: str, *, code: str = "", origin_id: str = "") -> Suggestion | None:
        """The one candidate by id, by exact name, by name without its legal form, or by code; else None.

        `origin_id` is what Procore's ERP integration calls it. That may have been another system's, whose ids only look
        like QuickBooks', so where the id says one entry and the name another, none is suggested.
        """
        by_name = self._by_words(name, code)
        by_id = _of(self._by_id, origin_id)
        if len(by_id) != 1:
            return by_name
        if by_name is not None and by_name.entry != by_id[0]:
            return None
        return Suggestion(by_id[0], "Same id in Procore")

    def _by_words(self, name: str, code: str) -> Suggestion | None:
        for reason, matches in (
            ("Same name", _of(self._by_name, name.casefold())),
            ("Same name, written differently", _of(self._by_form, normalised(name))),
            ("Same code", self._by_code(normalised(code)) if code else []),
        ):
            if len(matches) == 1:
                return Suggestion(matches[0], reason)
        return None

    def _by_code(self, code: str) -> list[ListEntry]:
        """Entries whose name begins with the code as whole words: 05-100 is not 05-1000."""
        found: dict[int, ListEntry] = {}
        for form in self._forms[bisect_left(self._forms, code) :]:
            if not form.startswith(code):
                break
            if form == code or form[len(code)] == " ":
                found |= {entry.pk: entry for entry in self._by_form[form]}
        return list(found.values())


def _of(known: Mapping[str, list[ListEntry]], wanted: str) -> list[ListEntry]:
    return known.get(wanted, []) if wanted else []
