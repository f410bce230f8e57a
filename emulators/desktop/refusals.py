"""How QuickBooks says no: to one request (a status code) or to the caller as a whole (an HRESULT).

Codes and texts: qbd.md 1.10 and 2.6.
"""

from __future__ import annotations

HRESULTS = {
    "0x80040400": "QuickBooks found an error when parsing the provided XML text stream.",
    "0x80040401": "Could not access QuickBooks.",
    "0x80040402": "Unexpected error. Check the qbsdklog.txt file for possible additional information.",
    "0x80040408": "Could not start QuickBooks.",
    "0x8004040A": "A QuickBooks company data file is already open and it is different from the one requested.",
    "0x8004040D": "The ticket parameter is invalid.",
    "0x80040410": "The QuickBooks company data file is currently open in a mode other than the one specified.",
    "0x80040414": "A modal dialog box is showing in the QuickBooks user interface. Your application cannot access "
    "QuickBooks until the user dismisses the dialog box.",
    "0x80040416": "If QuickBooks is not running, you must specify the name of the QuickBooks company data file.",
    "0x8004041A": "This application does not have permission to access this QuickBooks company data file.",
    "0x80040420": "The QuickBooks user has denied access.",
    "0x80040422": "This application requires Single User file access mode.",
    "0x80040154": "Class not registered.",
}


class Denied(Exception):
    """An HRESULT: QuickBooks cannot be reached, or it does not take the message set at all."""

    def __init__(self, hresult: str, detail: str = "") -> None:
        super().__init__(HRESULTS.get(hresult, "") or detail)
        self.hresult = hresult
        # What a developer wants to know; QuickBooks itself says nothing of the kind.
        self.detail = detail

    @property
    def message(self) -> str:
        return str(self)


class Refused(Exception):
    """One request is answered with this status code and changes nothing."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def not_parsed(detail: str) -> Denied:
    return Denied("0x80040400", detail)


def severity(code: int) -> str:
    if code < 500:
        return "Info"
    return "Warn" if code < 1000 else "Error"


def bad_reference(kind: str, value: str, where: str) -> Refused:
    return Refused(
        3140,
        f'There is an invalid reference to QuickBooks {kind} "{value}" in the {where}.  QuickBooks error message: '
        "Invalid argument.  The specified record does not exist in the list.",
    )


def inactive_reference(kind: str, value: str, where: str) -> Refused:
    return Refused(
        3140,
        f'There is an invalid reference to QuickBooks {kind} "{value}" in the {where}.  QuickBooks error message: '
        "The element you are trying to use is inactive.",
    )


def not_found(value: str) -> Refused:
    return Refused(3120, f'Object "{value}" specified in the request cannot be found.')


def lookup_not_found(value: str) -> Refused:
    return Refused(
        500,
        "The query request has not been fully completed. There was a required element "
        f'("{value}") that could not be found in QuickBooks.',
    )


def nothing_found() -> Refused:
    return Refused(1, "A query request did not find a matching object in QuickBooks")


def name_in_use(name: str, kind: str) -> Refused:
    return Refused(3100, f'The name "{name}" of the list element is already in use.  (It is the name of a {kind}.)')


def stale(sequence: str) -> Refused:
    return Refused(3200, f'The provided edit sequence "{sequence}" is out-of-date.')


def bad_amount(name: str, value: str) -> Refused:
    return Refused(3040, f'There was an error when converting the amount "{value}" in the field "{name}".')


def not_saved(noun: str, why: str, code: int = 3180) -> Refused:
    return Refused(code, f"There was an error when saving a {noun}.  QuickBooks error message: {why}")


LOCKED = {
    3175: "There was an error adding, modifying or deleting an object because it is already in use.  QuickBooks error "
    "message: The object is in use by another user.",
    3176: "There was an error adding, modifying or deleting an object because a related object is already in use.  "
    "QuickBooks error message: The related object could not be locked.",
    3180: "There was an error when saving.  QuickBooks error message: The list has been modified by another user.",
}
PERMISSION = {
    3260: "Insufficient permission level to perform this action.",
    3261: "The application has no permission to perform this action.",
    3263: "The application is in read-only mode and may not change data in QuickBooks.",
}
