"""Reads one environment variable at a time, and names it plainly when it is missing or wrong."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from typing import NoReturn, TypeVar

import environ
from cryptography.fernet import Fernet

T = TypeVar("T")
env = environ.Env()


def refuse(name: str, what: str) -> NoReturn:
    """End the process with one sentence: a traceback would hide the variable's name."""
    print(f"inBuild cannot start: the environment variable {name} {what}. See .env.example.", file=sys.stderr)
    raise SystemExit(1)


def text(name: str, default: str | None = None) -> str:
    value: str = env.str(name, default=default or "").strip()
    if not value and default is None:
        refuse(name, "is not set")
    return value


def one_of(name: str, choices: tuple[str, ...], default: str) -> str:
    value = text(name, default)
    if value not in choices:
        refuse(name, f"is {value!r}; it must be one of {', '.join(choices)}")
    return value


def url(name: str, default: str | None = None) -> str:
    """An http or https address without a trailing slash; empty only where the default is empty."""
    value = text(name, default).rstrip("/")
    if value and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", value):
        refuse(name, f"is {value!r}; it must be an http(s) address")
    return value


def number(name: str, default: float) -> float:
    return _parsed(name, text(name, str(default)), float, "a number")


def parsed(name: str, reader: Callable[[str], T], default: object, kind: str) -> T:
    """Whatever django-environ can read under this name, e.g. `env.db_url`."""
    if default is None and not env.str(name, default=""):
        refuse(name, "is not set")
    try:
        with warnings.catch_warnings():
            # The library warns of an unknown scheme; what it returns then is refused in a sentence of ours.
            warnings.simplefilter("ignore")
            return reader(name)
    except Exception as error:
        refuse(name, f"could not be read as {kind} ({type(error).__name__})")


def fernet_keys(name: str) -> list[str]:
    """Comma-separated Fernet keys; the first encrypts, all decrypt."""
    keys = [key.strip() for key in text(name).split(",") if key.strip()]
    for key in keys:
        _parsed(name, key, Fernet, "a comma-separated list of Fernet keys")
    return keys


def _parsed(name: str, value: str, reader: Callable[[str], T], kind: str) -> T:
    try:
        return reader(value)
    except (ValueError, TypeError):
        refuse(name, f"is not {kind}")
