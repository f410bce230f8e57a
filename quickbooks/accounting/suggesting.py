"""Which entry of the books a person would most likely choose. Shown and confirmed, never used by itself."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping

from accounting.models import ListEntry

SUFFIXES = {"inc", "incorporated", "llc", "llp", "lp", "ltd", "limited", "co", "company", "corp", "corporation"}


def normalised(name: str) -> str:
    """A name without case, punctuation and legal form: good for a suggestion, never for a decision."""
    words = re.sub(r"[^\w\s]", " ", name.casefold().replace("&", " and ")).split()
    kept = [word for word in words if word not in SUFFIXES and word != "the"]
    return " ".join(kept or words)


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

    def of(self, name: str, *, code: str = "", origin_id: str = "") -> ListEntry | None:
        """The one candidate by id, by exact name, by name without its legal form, or by code; else None."""
        for matches in (
            _of(self._by_id, origin_id),
            _of(self._by_name, name.casefold()),
            _of(self._by_form, normalised(name)),
            self._by_code(normalised(code)) if code else [],
        ):
            if len(matches) == 1:
                return matches[0]
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


def suggest(entries: Iterable[ListEntry], name: str, *, code: str = "", origin_id: str = "") -> ListEntry | None:
    return Suggestions(entries).of(name, code=code, origin_id=origin_id)
