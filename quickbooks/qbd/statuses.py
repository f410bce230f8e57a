"""The closed table of what QuickBooks Desktop answers to a write, and of what stops the Web Connector before that.

Decided by code, and by text only where the code leaves it open. Intuit: status codes; many public tables are wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from accounting.backends import NotSent, Refused, Unknown
from qbd.qbxml import Answers, Response

# Done, if something is shown: a note was not saved, a field is going out of use, a link's target is closed.
DONE = frozenset({0, 550, 560, 570})
# Nothing is stored under the id of the message set: it did not run, or QuickBooks forgot it.
NOT_STORED = frozenset({600, 9002})
NOT_FOUND = frozenset({1, 500})  # a filter that matches nothing; an id or name that is not there
# Somebody has it open; the version named is not the latest; another request of the set failed before.
LOCKED = frozenset({3175, 3176})
STALE = 3200
NOT_RUN = 3231
BY_TEXT = 3180
AGAIN_AFTER = timedelta(minutes=2)
# Each is a definite refusal: nothing was made.
REFUSALS: Mapping[int, str] = {
    500: "entry_gone",
    501: "malformed",
    510: "malformed",
    530: "malformed",
    531: "malformed",
    1030: "malformed",
    1060: "malformed",
    3000: "entry_gone",
    3010: "malformed",
    3020: "malformed",
    3030: "malformed",
    3031: "malformed",
    3035: "malformed",
    3040: "malformed",
    3070: "malformed",
    3100: "vendor_name_taken",
    3110: "malformed",
    3120: "entry_gone",
    3140: "entry_gone",
    3150: "malformed",
    3160: "refused",
    3170: "refused",
    3171: "refused",
    3172: "refused",
    3173: "refused",
    BY_TEXT: "refused",
    3210: "refused",
    3250: "feature_off",
    3260: "user_not_allowed",
    3261: "app_not_allowed",
    3263: "app_not_allowed",
    3290: "malformed",
}
IN_USE = re.compile(r"could not be locked|in use by|another user|has been (modified|changed)", re.I)
CLOSED = re.compile(r"closing date|closed (accounting )?period|period (is|was|has been) closed|books .*closed", re.I)


def of_write(response: Response, names: Mapping[str, str] | None = None) -> Refused | Unknown | None:
    """What the answer to a write means; None when it is done and shown. Raises NotSent when it is to be tried again.

    `names` are those of the ids that the request named, so that a person reads names. An internal error, a code that
    is not listed outside of QuickBooks' refusals, and success without anything to show leave it open.
    """
    words = response.message or f"status {response.code}"
    if response.rets or response.recovery is not None:
        # What is shown is there, whatever a warning says; an error beside it leaves that open.
        return None if response.code < 1000 else Unknown(words=words)
    if response.code in DONE:
        return Unknown(words="QuickBooks said that it was done and showed nothing")
    if response.code in LOCKED or response.code == STALE:
        raise NotSent("in_use", AGAIN_AFTER, words)
    if response.code == BY_TEXT and IN_USE.search(response.message):
        raise NotSent("in_use", AGAIN_AFTER, words)
    if response.code == NOT_RUN:
        raise NotSent("busy", timedelta(0), words)
    problem = REFUSALS.get(response.code)
    if problem == "refused" and CLOSED.search(response.message):
        problem = "closed_period"
    if problem is None and 3000 <= response.code < 4000:
        problem = "refused"
    if problem is None:
        return Unknown(words=words)
    detail = {"words": plain(response.message), "entry": _entry(response.message, names or {})}
    return Refused(problem, detail, words=f"{words} ({response.code})")


def of_answers(answers: Answers, names: Mapping[str, str] | None = None) -> Response | Refused | Unknown:
    """The answer to a message set with one write: what was done, or as `of_write`. Raises NotSent."""
    code = answers.status_code
    if code == 9004:
        return Refused("malformed", {"words": "The id of the request is too long."}, words="message set status 9004")
    if code == 9001:
        # Something else ran under this id, and nobody has seen how that went.
        return Unknown(words="QuickBooks knows this request with other content (9001)")
    if len(answers.responses) != 1:
        told = f" (message set status {code})" if code else ""
        return Unknown(words=f"QuickBooks' answer held {len(answers.responses)} answers instead of one{told}")
    [response] = answers.responses
    outcome = of_write(response, names)
    return response if outcome is None else outcome


def plain(message: str) -> str:
    """QuickBooks' own words as they end a sentence for people: what it says itself, without the program's preface."""
    said = message.rpartition("QuickBooks error message:")[2]
    said = re.sub(r"\s+", " ", said).strip().rstrip(".")
    return f"{said or 'it gave no reason'}."


REFERENCE = re.compile(r'reference to QuickBooks ([A-Za-z ]+?) "([^"]*)"')
ID = re.compile(r"[0-9A-F]{1,16}-[0-9]{6,}", re.I)


def _entry(message: str, names: Mapping[str, str]) -> str:
    """What QuickBooks does not know, by its name if there is one; never by its id."""
    found = REFERENCE.search(message)
    quoted = re.search(r'"([^"]+)"', message)
    what = f"the {found[1].strip().lower()}" if found else ""
    named = found[2] if found else quoted[1] if quoted else ""
    name = names.get(named) or ("" if ID.fullmatch(named) else named)
    if what and not name:
        return f"{what} of this bill"
    return f"{what} {name}".strip() or "something that this bill names"


# --- before QuickBooks answers ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Advice:
    """What stands on the page and in the Web Connector, and whether it mends itself with the next call."""

    sentence: str
    mends_itself: bool = True


NOT_PARSED = "0x80040400"
OTHER_FILE = "0x8004040a"
HRESULTS: Mapping[str, Advice] = {
    NOT_PARSED: Advice("QuickBooks could not read what inBuild sent. This is our mistake; nothing was made.", False),
    "0x80040401": Advice("QuickBooks could not be reached on the PC. Open QuickBooks and the company file."),
    "0x80040402": Advice("QuickBooks met an unexpected error. Close it on the PC, then open it again."),
    "0x80040408": Advice("QuickBooks could not be started on the PC. Open QuickBooks and the company file."),
    OTHER_FILE: Advice("Another company file is open in QuickBooks. Open the one that this connection belongs to."),
    "0x8004040d": Advice("QuickBooks ended the session. It begins anew with the next call."),
    "0x80040410": Advice("The company file is open in another mode. Close it on the PC, then open it again."),
    "0x80040414": Advice("A window waits for an answer in QuickBooks on the PC. Close it."),
    "0x80040416": Advice("QuickBooks is not open on the PC. Open QuickBooks and the company file."),
    "0x8004041a": Advice(
        "QuickBooks does not let inBuild in. An administrator of the company file allows it there under Edit, "
        "Preferences, Integrated Applications.",
        False,
    ),
    "0x80040420": Advice(
        "Somebody refused inBuild in QuickBooks. An administrator of the company file allows it there under Edit, "
        "Preferences, Integrated Applications.",
        False,
    ),
    "0x80040422": Advice("QuickBooks must be in single-user mode for this. Switch to it on the PC."),
    "0x80040154": Advice("QuickBooks is not installed completely on the PC. Repair its installation.", False),
}


def hresult(text: str) -> str:
    """As the table writes it; the Web Connector may send it as a signed number. Empty when there is none."""
    bare = text.strip().lower()
    if re.fullmatch(r"-?[0-9]+", bare):
        number = int(bare)
        return f"0x{number & 0xFFFFFFFF:08x}" if number else ""
    return bare


def advice(text: str, message: str = "") -> Advice:
    """What to do about an hresult; an unknown one is told in the program's own words."""
    known = HRESULTS.get(hresult(text))
    return known or Advice(f"QuickBooks could not work on the PC: {plain(message)}")


def of_hresult(text: str, message: str = "") -> Refused | Unknown:
    """What an hresult in the place of an answer means for a write that had left: nearly always, nobody knows."""
    words = f"{message.strip() or advice(text).sentence} ({hresult(text) or 'no code'})"
    if hresult(text) == NOT_PARSED:
        return Refused("malformed", {"words": plain(message)}, words=words)
    return Unknown(words=words)
