"""The SQL subset of the query endpoint: text to a statement.

Intuit: one entity, AND only, no OR or JOIN, IN, LIKE with %, STARTPOSITION from 1, MAXRESULTS at most 1000 and 100
when absent, COUNT(*), strings in single quotes with backslash escapes (qbo.md section 5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from emulators.intuit.answers import QboFault, query_invalid, query_unparsable

DEFAULT_ROWS, MOST_ROWS = 100, 1000

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:\\.|[^'\\])*')
      | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
      | (?P<operator><=|>=|!=|<>|=|<|>)
      | (?P<mark>[(),*])
      | (?P<word>[A-Za-z_][\w.]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
_RESERVED = {"where", "and", "or", "order", "orderby", "startposition", "maxresults", "from", "select", "join"}


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    at: int

    @property
    def lower(self) -> str:
        return self.text.lower()


@dataclass(frozen=True)
class Condition:
    """`property operator values`; every operator but IN has exactly one value."""

    path: str
    operator: str
    values: tuple[str, ...]


@dataclass
class Statement:
    entity: str
    count_only: bool = False
    fields: tuple[str, ...] = ()
    conditions: list[Condition] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    start: int = 1
    rows: int = DEFAULT_ROWS


def parse_statement(text: str) -> Statement:
    """Read one SELECT; a QboFault 4000 or 4001 says what is wrong."""
    return _Parser(_tokens(text), text).statement()


def unquote(literal: str) -> str:
    """The value of a quoted string: backslash takes the next character as it is."""
    return re.sub(r"\\(.)", r"\1", literal[1:-1], flags=re.DOTALL)


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    position, end = 0, len(text.rstrip().rstrip(";").rstrip())
    while position < end:
        match = _TOKEN.match(text, position, end)
        if match is None or match.lastgroup is None:
            raise query_unparsable(f"Encountered {text[position : position + 20].strip()!r} at column {position + 1}")
        found.append(Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup) + 1))
        position = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[Token], text: str) -> None:
        self._tokens = tokens
        self._at = 0
        self._length = len(text)

    def statement(self) -> Statement:
        self._word("select")
        count_only, fields = self._columns()
        self._word("from")
        statement = Statement(self._name(), count_only, fields)
        if self._take("where"):
            statement.conditions = self._conditions()
        if self._take("orderby"):
            statement.order = self._order()
        elif self._take("order"):
            self._word("by")
            statement.order = self._order()
        if self._take("startposition"):
            statement.start = self._whole(1, None)
        if self._take("maxresults"):
            statement.rows = self._whole(1, MOST_ROWS)
        if self._peek() is not None:
            raise self._unexpected()
        return statement

    def _columns(self) -> tuple[bool, tuple[str, ...]]:
        if self._take("*"):
            return False, ()
        token = self._peek()
        if token is not None and token.lower == "count":
            for part in ("count", "(", "*", ")"):
                self._word(part)
            return True, ()
        names = [self._name()]
        while self._take(","):
            if self._take("*"):
                return False, ()
            names.append(self._name())
        return False, tuple(names)

    def _conditions(self) -> list[Condition]:
        found = [self._condition()]
        while self._take("and"):
            found.append(self._condition())
        return found

    def _condition(self) -> Condition:
        path = self._name()
        token = self._next()
        operator = token.lower
        if operator == "in":
            self._word("(")
            values = [self._value()]
            while self._take(","):
                values.append(self._value())
            self._word(")")
            return Condition(path, "in", tuple(values))
        if operator == "like" or token.kind == "operator":
            if operator in ("!=", "<>"):
                raise query_unparsable(f"Encountered '{operator}' at column {token.at}")
            return Condition(path, operator, (self._value(),))
        self._at -= 1
        raise self._unexpected()

    def _order(self) -> list[tuple[str, bool]]:
        found = [self._order_term()]
        while self._take(","):
            found.append(self._order_term())
        return found

    def _order_term(self) -> tuple[str, bool]:
        name = self._name()
        if self._take("desc"):
            return name, True
        self._take("asc")
        return name, False

    def _value(self) -> str:
        token = self._next()
        if token.kind == "text":
            return unquote(token.text)
        if token.kind == "number" or token.lower in ("true", "false"):
            return token.lower
        self._at -= 1
        raise self._unexpected()

    def _whole(self, least: int, most: int | None) -> int:
        token = self._next()
        if token.kind != "number" or "." in token.text:
            self._at -= 1
            raise self._unexpected()
        value = int(token.text)
        if value < least:
            raise query_invalid(f"value {value} is too small. Min allowed value is {least}")
        if most is not None and value > most:
            raise query_invalid(f"value {value} is too large. Max allowed value is {most}")
        return value

    def _name(self) -> str:
        token = self._next()
        if token.kind != "word" or token.lower in _RESERVED:
            self._at -= 1
            raise self._unexpected()
        return token.text

    def _word(self, expected: str) -> None:
        if not self._take(expected):
            raise self._unexpected()

    def _take(self, expected: str) -> bool:
        token = self._peek()
        if token is None or token.kind == "text" or token.lower != expected:
            return False
        self._at += 1
        return True

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> Token:
        token = self._peek()
        if token is None:
            raise self._unexpected()
        self._at += 1
        return token

    def _unexpected(self) -> QboFault:
        token = self._peek()
        if token is None:
            return query_unparsable(f"Encountered <EOF> at column {self._length + 1}")
        return query_unparsable(f"Encountered {token.text!r} at column {token.at}")
