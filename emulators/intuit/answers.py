"""The fault answers of the accounting API: codes, texts, HTTP statuses and the two envelopes.

Sources: Intuit: "Error codes" and "Handling common errors" pages, as collected in qbo.md section 4 and its samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VALIDATION, SYSTEM = "ValidationFault", "SystemFault"


@dataclass(frozen=True)
class ErrorItem:
    """One entry of Fault.Error. Intuit: `code` is a string."""

    code: str
    message: str
    detail: str
    element: str | None = ""

    def as_json(self) -> dict[str, Any]:
        item = {"Message": self.message, "Detail": self.detail, "code": self.code}
        return item if self.element is None else {**item, "element": self.element}


class QboFault(Exception):
    """A refusal with the envelope the accounting API uses. Several errors may come at once."""

    def __init__(
        self, errors: list[ErrorItem], kind: str = VALIDATION, status: int = 400, gateway: bool = False
    ) -> None:
        super().__init__("; ".join(f"{error.code} {error.detail or error.message}" for error in errors))
        self.errors = errors
        self.kind = kind
        self.status = status
        self.gateway = gateway

    def fault(self) -> dict[str, Any]:
        return {"Error": [error.as_json() for error in self.errors], "type": self.kind}

    def body(self, time_text: str, time_ms: int) -> dict[str, Any]:
        """The whole answer; the gateway in front of the API writes lower-case names."""
        if not self.gateway:
            return {"Fault": self.fault(), "time": time_text}
        lower = [
            {"message": e.message, "detail": e.detail, "code": e.code, "element": e.element or None}
            for e in self.errors
        ]
        return {
            "warnings": None,
            "intuitObject": None,
            "fault": {"error": lower, "type": self.kind},
            "time": time_ms,
        }


def single(code: str, message: str, detail: str, status: int = 400, kind: str = VALIDATION) -> QboFault:
    return QboFault([ErrorItem(code, message, detail)], kind, status)


def token_expired(detail: str = "Token expired") -> QboFault:
    """3200: the bearer token is missing, unknown, expired or revoked."""
    message = "message=AuthenticationFailed; errorCode=003200; statusCode=401"
    return QboFault([ErrorItem("3200", message, detail, None)], "AUTHENTICATION", 401, gateway=True)


def app_not_authorized() -> QboFault:
    """3100: a good token, but for another company."""
    message = "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403"
    return QboFault([ErrorItem("3100", message, "", None)], "AuthorizationFault", 403)


def throttled() -> QboFault:
    """3001: too many calls, or the monthly quota is used up."""
    message = "message=ThrottleExceeded; errorCode=003001; statusCode=429"
    return QboFault([ErrorItem("3001", message, "The request limit was reached.", None)], "SERVICE", 429)


def user_without_access() -> QboFault:
    """120: the person who connected may no longer use this company."""
    detail = "Authorization Failure: --11014-You do not have access to use QuickBooks Online Plus."
    return single("120", "Authorization Failure", detail, 401, "AuthorizationFault")


def subscription_ended() -> QboFault:
    """6190: the company's subscription is over or unpaid."""
    detail = (
        "Subscription period has ended or been canceled, or there was a billing problem: You can't add data to "
        "QuickBooks Online Plus because your trial or subscription period ended"
    )
    return single("6190", "Invalid Company Status", detail)


def company_locked(code: str) -> QboFault:
    """130, 140, 150: wrong cluster, locked, maintenance."""
    text = {"130": "Wrong cluster", "140": "Company is locked", "150": "Company is under maintenance"}[code]
    return single(code, text, f"{text}: try again later", 503, SYSTEM)


def system_failure() -> QboFault:
    """10000: an internal error of the platform."""
    message = "An application error has occurred while processing your request"
    return single("10000", message, "System Failure Error: please retry", 500, SYSTEM)


def unsupported_operation(detail: str) -> QboFault:
    """500: an operation the API does not have, or a body it cannot decode."""
    return single("500", "Unsupported Operation", detail)


def unknown_property(name: str) -> QboFault:
    """2010: a misspelt or misplaced field."""
    detail = f'Property Name:Unrecognized field "{name}" specified is unsupported or invalid'
    return single("2010", "Request has invalid or unsupported property", detail)


def unreadable_body(reason: str) -> QboFault:
    return single("2010", "Request has invalid or unsupported property", f"Property Name:{reason}")


def missing(name: str) -> QboFault:
    """2020: a required value is absent."""
    message = "Required param missing, need to supply the required value for the API"
    return single("2020", message, f"Required parameter {name} is missing in the request")


def bad_value(name: str, reason: str) -> QboFault:
    """2030: the value does not fit the field."""
    return QboFault([ErrorItem("2030", "Invalid value", f"Invalid value for {name} : {reason}", name)])


def too_long(name: str, limit: int) -> QboFault:
    """2050: more characters than the field holds."""
    return QboFault([ErrorItem("2050", "Length exceeds limit", f"Length of the field exceeds {limit} chars", name)])


def bad_number(name: str) -> QboFault:
    """2080: not a number the field can hold."""
    return QboFault([ErrorItem("2080", "Invalid number", f"Invalid number : {name}", name)])


def bad_choice(name: str, value: object) -> QboFault:
    """2170: not one of the listed words."""
    return QboFault([ErrorItem("2170", "Invalid Enumeration", f"Invalid Enumeration : {value}", name)])


def bad_reference(family: str, identifier: str) -> QboFault:
    """2500: the referenced id does not exist in this company."""
    detail = f"Invalid Reference Id : {family} element id {identifier} not found"
    return single("2500", "Invalid Reference Id", detail)


def inactive_reference() -> QboFault:
    """610: a referenced account, customer, item or vendor was made inactive."""
    detail = (
        "Object Not Found : Something you're trying to use has been made inactive. "
        "Check the fields with accounts, customers, items, vendors or employees."
    )
    return single("610", "Object Not Found", detail)


def not_found() -> QboFault:
    """610: no such object, or a deleted one."""
    return single("610", "Object Not Found", "Object Not Found: Another user has deleted this transaction.")


def stale() -> QboFault:
    """5010: the SyncToken is not the current one."""
    detail = "Stale Object Error : You and another user were working on this at the same time."
    return single("5010", "Stale Object Error", detail)


def feature_missing(feature: str) -> QboFault:
    """5020: the company's plan or settings lack the feature."""
    return single("5020", "Permission Denied Error", f"Permission Denied Error : Feature not supported: {feature}")


def business_rule(reason: str) -> QboFault:
    """6000: a rule of the books."""
    message = "A business validation error has occurred while processing your request"
    return single("6000", message, f"Business Validation Error: {reason}")


def amount_mismatch() -> QboFault:
    """6070: Amount is not Qty times UnitPrice."""
    return single(
        "6070", "Amount calculation incorrect", "Amount calculation incorrect : Amount is not equal to UnitPrice * Qty"
    )


def duplicate_document_number(code: str = "6140") -> QboFault:
    """6140: the number was used before and the company wants to be stopped; some sources print another code."""
    detail = "Duplicate Document Number Error : You must specify a different number. This number has already been used."
    return single(code, "Duplicate Document Number Error", detail)


def period_closed() -> QboFault:
    """6210: the date lies on or before the closing date."""
    detail = (
        "The accounting period has closed and the account books cannot be updated through the QBO Services API. "
        "Please use the QBO website to make these changes."
    )
    return single("6210", "Account Period Closed, Cannot Update Through Services API", detail)


def duplicate_name(kind: str) -> QboFault:
    """6240: DisplayName is shared by vendors, customers and employees."""
    detail = (
        f"The name supplied already exists. : Another {kind.lower()} is already using this name. "
        "Please use a different name."
    )
    return single("6240", "Duplicate Name Exists Error", detail)


def query_unparsable(reason: str) -> QboFault:
    """4000: the statement does not follow the grammar."""
    return single("4000", "Error parsing query", f"QueryParserError: {reason}")


def query_invalid(reason: str) -> QboFault:
    """4001: the grammar is right, the meaning is not."""
    return single("4001", "Invalid query", f"QueryValidationError: {reason}")
