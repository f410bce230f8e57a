"""The closed table of Intuit's faults: what each means for a write, and who must act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings

from accounting.backends import NeedsReconnect, NotSent, Refused, Unknown


@dataclass(frozen=True, slots=True)
class Error:
    code: str
    message: str
    detail: str
    element: str

    @property
    def plain(self) -> str:
        """Of a bad value the field is named as well: Intuit's words alone often do not say which."""
        words = (self.detail or self.message).strip().rstrip(".")
        return f"{words} ({self.element})" if self.code in BAD_VALUE and self.element else words


class Fault(Exception):
    """An answer that is not the thing asked for: a fault body, a bad status, or no JSON at all."""

    def __init__(self, status: int, errors: tuple[Error, ...], kind: str, trace_id: str, retry_after: str = "") -> None:
        self.status = status
        self.errors = errors
        self.kind = kind
        self.trace_id = trace_id
        self.retry_after = retry_after
        super().__init__(self.words)

    @property
    def words(self) -> str:
        """QuickBooks' own words, all errors of them."""
        told = [f"{error.detail or error.message} ({error.code})" for error in self.errors]
        return "; ".join(told) or f"HTTP status {self.status} without a readable answer"

    @property
    def plain(self) -> str:
        """QuickBooks' own words without its codes, as they end a sentence for people."""
        told = [error.plain for error in self.errors]
        return f"{'; '.join(filter(None, told)) or 'it gave no reason'}."

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(error.code for error in self.errors)

    @property
    def is_unauthorized(self) -> bool:
        return self.status == 401 or bool(self.codes & UNAUTHORIZED)

    @property
    def is_throttled(self) -> bool:
        return self.status == 429 or bool(self.codes & THROTTLED)


BAD_VALUE = frozenset({"2020", "2030", "2050", "2080", "2170"})
UNAUTHORIZED = frozenset({"100", "110", "3200"})
NO_ACCESS = frozenset({"120", "3100"})
THROTTLED = frozenset({"3001"})
LATER = frozenset({"130", "140", "150"})
# Their own errors: under whatever status, whether something was made is open.
INTERNAL = frozenset({"1000", "10000"})
# Intuit: error codes. Each is a definite refusal: nothing was made.
REFUSALS: Mapping[str, str] = {
    "500": "refused",
    "610": "inactive",
    "620": "refused",
    "700": "refused",
    "800": "refused",
    "2010": "refused",
    "2020": "refused",
    "2030": "refused",
    "2050": "refused",
    "2080": "refused",
    "2170": "refused",
    "2500": "reference",
    "4000": "refused",
    "4001": "refused",
    "5010": "changed_in_books",
    "5020": "not_in_plan",
    "5030": "not_in_plan",
    "6000": "refused",
    "6030": "refused",
    "6040": "refused",
    "6050": "refused",
    "6070": "refused",
    "6140": "bill_number_taken",
    "6190": "subscription",
    "6210": "closed_period",
    "6240": "vendor_name_taken",
    "6540": "refused",
}


def read(status: int, body: Any, headers: Mapping[str, str]) -> Fault | None:
    """The fault in an answer, if there is one: HTTP 200 may carry it, and the gateway writes it in lower case."""
    fault = (body.get("Fault") or body.get("fault")) if isinstance(body, dict) else None
    if status == 200 and isinstance(body, dict) and fault is None:
        return None
    found = fault if isinstance(fault, dict) else {}
    listed = found.get("Error") or found.get("error") or []
    errors = tuple(_error(item) for item in listed if isinstance(item, dict)) if isinstance(listed, list) else ()
    kind = str(found.get("type") or "")
    return Fault(status, errors, kind, headers.get("intuit_tid", ""), headers.get("Retry-After", ""))


def of_write(fault: Fault) -> Refused | Unknown:
    """What a fault means for a bill that was sent. Raises NotSent or NeedsReconnect when certainly nothing was made.

    A 5xx, a throttle, a fault under HTTP 200, an answer that cannot be read, and any fault not listed here leave it
    open whether the bill was made: that a throttled request never reaches the books is likely, and nowhere promised.
    """
    if fault.is_throttled:
        return Unknown(words=fault.words or "QuickBooks asked inBuild to slow down", trace_id=fault.trace_id)
    raise_if_not_done(fault)
    refused = _refusal(fault)
    if fault.status == 200:
        # A fault in a good answer: believed only once a look has shown that nothing is there.
        return Unknown(words=fault.words, trace_id=fault.trace_id, if_absent=refused)
    return refused or Unknown(words=fault.words, trace_id=fault.trace_id)


def _refusal(fault: Fault) -> Refused | None:
    if fault.status >= 500 or fault.codes & INTERNAL:
        return None
    for error in fault.errors:
        if problem := REFUSALS.get(error.code):
            return Refused(problem, {"words": fault.plain}, words=fault.words, trace_id=fault.trace_id)
    if fault.kind == "ValidationFault":
        return Refused("refused", {"words": fault.plain}, words=fault.words, trace_id=fault.trace_id)
    return None


def raise_if_not_done(fault: Fault) -> None:
    """Raise for the faults that say the request was not even looked at."""
    if fault.is_unauthorized or fault.codes & NO_ACCESS or fault.status == 403:
        raise NeedsReconnect(fault.words)
    if fault.is_throttled:
        seconds = int(fault.retry_after) if fault.retry_after.isdecimal() else 0
        raise NotSent("busy", timedelta(seconds=max(seconds, settings.QBO_PAUSE_SECONDS)), fault.words)
    if fault.codes & LATER:
        raise NotSent("cannot_reach", timedelta(hours=1), fault.words)


def of_read(fault: Fault) -> NotSent:
    """A question that got no good answer changed nothing; it is asked again later."""
    raise_if_not_done(fault)
    return NotSent("cannot_reach", timedelta(seconds=30), fault.words)


def _error(item: dict[str, Any]) -> Error:
    def text(*names: str) -> str:
        return next((str(item[name]) for name in names if item.get(name) is not None), "")

    return Error(text("code"), text("Message", "message"), text("Detail", "detail"), text("element"))
