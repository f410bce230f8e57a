"""Questions that are asked for every bill or page: their SQL is written once for each process.

Django takes longer to write such SQL than PostgreSQL to answer it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

Row = TypeVar("Row")

_BLANKS: dict[type, Callable[[int], Any]] = {
    # Values that nobody has, each its own.
    int: lambda place: 2**62 + 7 + place,
    str: lambda place: f"blank {place} 0b1d7c52f7f94c8a",
    UUID: lambda place: UUID(int=2**126 + 7 + place),
}


Given = Sequence[tuple[Any, int | None]]
"""The values of a written question, each with the number of the blank that it is."""


def blanks(kinds: Sequence[type]) -> list[Any]:
    """What stands in a question while it is put into SQL."""
    return [_BLANKS[kind](place) for place, kind in enumerate(kinds)]


def placed(values: Sequence[Any], kinds: Sequence[type]) -> Given:
    """Which of the values in the SQL are blanks. Raises TypeError where one is not there as it is."""
    wanted = blanks(kinds)
    places = [next((place for place, blank in enumerate(wanted) if _is(value, blank)), None) for value in values]
    if set(places) - {None} != set(range(len(wanted))):
        raise TypeError(f"Not every blank stands in the SQL as it is: {values}")
    return list(zip(values, places, strict=True))


def filled(given: Given, values: Sequence[Any]) -> tuple[Any, ...]:
    """The values with which the SQL is asked."""
    return tuple(value if place is None else _like(value, values[place]) for value, place in given)


class Written(Generic[Row]):
    """A question with blanks, filled in whenever it is asked.

        _NAMED = Written(lambda company_id, name: Vendor.objects.filter(company_id=company_id, name=name), int, str)
        vendors = _NAMED(company.pk, "Delta Steel")

    The blanks stand for values of these types, and only their values may differ: never None, no list, nothing that
    Django writes into the text, and no setting. Raises TypeError for a question that uses a blank in no way or in
    another form (as part of a LIKE).
    """

    def __init__(self, question: Callable[..., QuerySet[Any, Row]], *kinds: type) -> None:
        self._question = question
        self._kinds = kinds

    def __call__(self, *values: Any) -> list[Row]:
        rows, compiler, text, given = self._sql
        asked = copy(compiler)
        asked.connection = connection
        asked.as_sql = lambda *_, **__: (text, filled(given, values))
        question = rows._chain()  # type: ignore[attr-defined]
        question._query = _Answered(asked)
        return list(question)

    @cached_property
    def _sql(self) -> tuple[QuerySet[Any, Row], Any, str, Given]:
        rows = self._question(*blanks(self._kinds))
        compiler: Any = rows.query.get_compiler(connection=connection)
        text, values = compiler.as_sql()
        return rows, compiler, text, placed(values, self._kinds)


class _Answered:
    """Of a query what reading its rows needs: the compiler that knows the SQL already."""

    values_select = ()

    def __init__(self, compiler: Any) -> None:
        self._compiler = compiler

    def get_compiler(self, using: object = None, **_: object) -> Any:
        return self._compiler


def _is(value: Any, blank: Any) -> bool:
    return isinstance(value, type(blank)) and bool(value == blank)


def _like(blank: Any, value: Any) -> Any:
    """Of the very type that Django gave the blank, such as psycopg's Int8."""
    return type(blank)(value) if isinstance(blank, int) else value
