"""How amounts, times, states and icons are written on every page."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from companies.models import Company

register = template.Library()


@register.filter
def money(value: Decimal | None) -> str:
    """1,234.50 with a real minus sign; empty for nothing."""
    if value is None:
        return ""
    return f"{abs(value):,.2f}" if value >= 0 else f"\N{MINUS SIGN}{abs(value):,.2f}"


@register.filter
def day(value: date | None) -> str:
    """Nov 22, 2026. Dates of invoices have no zone."""
    return f"{value:%b} {value.day}, {value.year}" if value else ""


@register.filter
def lasting(value: timedelta) -> str:
    """1 h 4 min 9 s, without leading nothings."""
    seconds = max(0, int(value.total_seconds()))
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sprite, for the eye only, named as in vendor.json. No template of its own: pages have dozens."""
    sprite = static("vendor/icons.svg")
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', sprite, name)


@register.simple_tag
def status(word: object, colour: str) -> SafeString:
    """One word, one dot, one of five colours: ok, warn, bad, info or muted."""
    return format_html('<span class="state tone-{}">{}</span>', colour, word)


@register.simple_tag
def moment(value: datetime | None, company: Company) -> SafeString | str:
    """An instant in the company's time zone with its abbreviation, exact in the `datetime` attribute."""
    if value is None:
        return ""
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), moment_words(value, company))


def moment_words(value: datetime, company: Company) -> str:
    # On the few pages that somebody without a company sees.
    return clock_words(value, ZoneInfo(company.time_zone if company else "UTC"), "%M:%S")


def clock_words(value: datetime, zone: ZoneInfo, minutes: str = "%M") -> str:
    """A day and a time as every page and sentence writes them; a sentence does without the seconds."""
    local = value.astimezone(zone)
    return f"{local:%b} {local.day}, {local.year}, {local.hour % 12 or 12}:{local:{minutes}} {local:%p} {local:%Z}"
