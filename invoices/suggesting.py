"""What the text of a PDF says about the invoice: each with the words it stands in, and nothing that is a guess.

Pure: text in, suggestions out. Where the text says two different things about one of them, none is suggested.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

WORDS = 80
NAME_LENGTH = 4  # a shorter one stands in any text by chance
FORMS = {"co", "company", "corp", "corporation", "inc", "incorporated", "llc", "llp", "lp", "ltd", "limited", "pllc"}
MOST = Decimal(10) ** 11


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a field may be, as the form takes it, and the piece of text that says so."""

    value: str
    words: str


Found = dict[str, Suggestion]


def suggest(text: str, *, vendors: Iterable[str]) -> Found:
    """By the form's fields: vendor_name, number, invoice_date, total. Those that are not certain are left out."""
    text = _seen(text)
    asked = {
        "vendor_name": vendor(text, vendors),
        "number": number(text),
        "invoice_date": invoice_date(text),
        "total": total(text),
    }
    return {name: one for name, one in asked.items() if one is not None}


def as_json(found: Found) -> dict[str, dict[str, str]]:
    return {name: {"value": one.value, "words": one.words} for name, one in found.items()}


# --- the vendor ------------------------------------------------------------------------------------------------------
def vendor(text: str, names: Iterable[str]) -> Suggestion | None:
    """The one known vendor whose name stands in the text; of names within one another, the longest."""
    plain = f" {_plain(text)} "
    standing: dict[str, list[str]] = {}
    for name in names:
        core = _core(name)
        if len(core.replace(" ", "")) >= NAME_LENGTH and f" {core} " in plain:
            standing.setdefault(core, []).append(name)
    rest = plain
    for core in sorted(standing, key=len, reverse=True):
        # Only what still stands there once the longer names are taken out: "Delta" apart from "Delta Steel".
        if f" {core} " in rest:
            rest = rest.replace(f" {core} ", "  ")
        else:
            del standing[core]
    if len(standing) != 1:
        return None
    [(core, same)] = standing.items()
    whole = [name for name in same if f" {_plain(name)} " in plain] if len(same) > 1 else same
    # Of "Delta Steel Inc" and "Delta Steel LLC" the one that stands there in full.
    return Suggestion(whole[0], _line_with(text, core)) if len(whole) == 1 else None


def _plain(text: str) -> str:
    """Words of letters and digits, case apart, one space between them."""
    return " ".join(re.findall(r"\w+", text.casefold().replace("&", " and ").replace("'", "").replace("’", "")))


def _core(name: str) -> str:
    """Without the legal form at its end."""
    words = _plain(name.replace(".", "")).split()
    while len(words) > 1 and words[-1] in FORMS:
        words.pop()
    return " ".join(words)


def _line_with(text: str, core: str) -> str:
    return _cut(next((line for line in text.splitlines() if f" {core} " in f" {_plain(line)} "), core))


# --- number, date, total ---------------------------------------------------------------------------------------------
NUMBER = re.compile(
    r"\b(?:(?:invoice|inv|bill) ?(?:(?:number|num|no|nr|id)(?![a-z])|#)[ .:#№-]*\n?|(?:invoice|inv) ?: ?)"
    r"(?P<value>[a-z0-9][\w/.-]{0,39})(?=[,;)]?(?:\s|$))",
    re.IGNORECASE,
)
AN_AMOUNT = re.compile(r"\d+\.\d{2}")


def number(text: str) -> Suggestion | None:
    """What stands after Invoice number, Invoice No., Invoice # and the like, and has a digit in it."""
    return _only(_numbers(text), key=lambda value: re.sub(r"[^0-9a-z]", "", value.casefold()))


def _numbers(text: str) -> Iterator[Suggestion]:
    for match in NUMBER.finditer(text):
        value = match["value"].rstrip("./-")
        if re.search(r"\d", value) and _day(value) is None and not AN_AMOUNT.fullmatch(value):
            yield Suggestion(value, _cut(match.group()))


MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAY = (
    r"\d{1,2}/\d{1,2}/(?:\d{4}|\d{2})(?![\d/])|\d{1,2}-\d{1,2}-(?:\d{4}|\d{2})(?![\d-])|\d{4}-\d{2}-\d{2}(?!\d)"
    r"|[A-Za-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}|\d{1,2}[ -][A-Za-z]{3,9}\.?,?[ -]\d{4}"
)
INVOICE_DATE = re.compile(rf"\b(?:invoice date|date of invoice|bill date|invoice dated)[ .:]*\n?({DAY})", re.IGNORECASE)
ANY_DATE = re.compile(rf"(?m)^(?:date|dated)[ .:]*\n?({DAY})", re.IGNORECASE)


def invoice_date(text: str) -> Suggestion | None:
    """What stands after Invoice date; where that is not written, after a Date that begins its line."""
    return _only(_days(INVOICE_DATE, text)) if INVOICE_DATE.search(text) else _only(_days(ANY_DATE, text))


def _days(pattern: re.Pattern[str], text: str) -> Iterator[Suggestion]:
    for match in pattern.finditer(text):
        if (found := _day(match[1])) is not None:
            yield Suggestion(found.isoformat(), _cut(match.group()))


def _day(text: str) -> date | None:
    """US order: month, day, year. None for what is no day, or one of another century."""
    month = re.search(r"[A-Za-z]{3,}", text)
    numbers = [int(each) for each in re.findall(r"[0-9]+", text)]
    if month and month.group()[:3].casefold() in MONTHS and len(numbers) == 2:
        parts = (numbers[1], MONTHS.index(month.group()[:3].casefold()) + 1, numbers[0])
    elif re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        parts = (numbers[0], numbers[1], numbers[2])
    elif re.fullmatch(r"[0-9]{1,2}([/-])[0-9]{1,2}\1([0-9]{2}|[0-9]{4})", text):
        parts = (numbers[2] + 2000 if numbers[2] < 100 else numbers[2], numbers[0], numbers[1])
    else:
        return None
    try:
        found = date(*parts)
    except (ValueError, OverflowError):
        return None
    return found if 2000 <= found.year < 2100 else None


SIGN = r"[ .:]*(?:\(?USD\)?[ .:]*)?\n?(?:(?:USD|US\$|\$) ?)?"
AMOUNT = SIGN + r"(\d{1,3}(?:,\d{3})+\.\d{2}|\d{1,11}\.\d{2})(?![\d.,%]*[\d%])"
DUE = re.compile(
    r"\b(?:total amount due|amount due|balance due|total due|current payment due|amount payable|please pay)\b" + AMOUNT,
    re.IGNORECASE,
)
TOTAL = re.compile(r"(?<![\w-])(?<!sub )(?:invoice total|grand total|total amount|total)\b" + AMOUNT, re.IGNORECASE)


def total(text: str) -> Suggestion | None:
    """What stands after Amount due, Balance due, Invoice total, Total and the like, if all of them say the same."""
    return _only((*_amounts(DUE, text), *_amounts(TOTAL, text)))


def _amounts(pattern: re.Pattern[str], text: str) -> Iterator[Suggestion]:
    for match in pattern.finditer(text):
        amount = Decimal(match[1].replace(",", ""))
        if 0 < amount < MOST:
            yield Suggestion(f"{amount:.2f}", _cut(match.group()))


# --- all of them -----------------------------------------------------------------------------------------------------
def _only(found: Iterable[Suggestion], key: Callable[[str], str] = str) -> Suggestion | None:
    """The first, if all say the same."""
    listed = list(found)
    return listed[0] if len({key(each.value) for each in listed}) == 1 else None


def _seen(text: str) -> str:
    """Line by line without what cannot be seen, and one space for many: the patterns below rely on it to be quick."""
    lines = ("".join(each if each.isprintable() else " " for each in line).split() for line in text.splitlines())
    return "\n".join(" ".join(words) for words in lines)


def _cut(words: str) -> str:
    short = " ".join(words.split())
    return short if len(short) <= WORDS else f"{short[: WORDS - 1]}…"
