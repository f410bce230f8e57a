"""How many rows questions find: one statement for several, put into SQL once where they stay the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from inbuild.written import Given, blanks, filled, placed

_COMPANY = (int,)


def counted(questions: Iterable[QuerySet[Any, Any]]) -> list[int]:
    """How many rows each of them finds. One query."""
    text, given = _written(questions)
    return _asked(text, given)


class CountInCompany:
    """How many rows of a company a question finds that stands on every page.

    Django takes longer to put it into SQL than PostgreSQL to answer it, so that is done once for each process.
    """

    def __init__(self, question: Callable[[int], QuerySet[Any, Any]]) -> None:
        self._question = question

    def __call__(self, company_id: int) -> int:
        text, given = self._sql
        return _asked(text, filled(given, [company_id]))[0]

    @cached_property
    def _sql(self) -> tuple[str, Given]:
        text, values = _written([self._question(*blanks(_COMPANY))])
        return text, placed(values, _COMPANY)


def _written(questions: Iterable[QuerySet[Any, Any]]) -> tuple[str, list[Any]]:
    texts, given = [], list[Any]()
    for rows in questions:
        try:
            text, values = rows.query.sql_with_params()
        except EmptyResultSet:
            texts.append("0")
        else:
            texts.append(f"(SELECT count(*) FROM ({text}) AS found)")  # noqa: S608 - Django's own SQL, its values apart
            given += values
    return f"SELECT {', '.join(texts)}", given


def _asked(text: str, given: Sequence[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(text, given)
        return list(cursor.fetchone())
