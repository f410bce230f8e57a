"""What an answer means for a write: done, refused with a sentence, tried again by itself, or in doubt."""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from accounting.backends import NotSent, Refused, Unknown
from accounting.problems import CATALOGUE, sentence
from qbd import qbxml, statuses
from qbd.qbxml import Answers, Response
from tests.quickbooks.qbd.given import example, with_examples

RET = "<BillRet><TxnID>1-1</TxnID></BillRet>"
NAMES = {"80000012-1700000000": "Acme Concrete", "80000041-1600000000": "Job Costs:Concrete"}
VENDOR = (
    'There is an invalid reference to QuickBooks Vendor "80000012-1700000000" in the Bill.  QuickBooks error message: '
    "Invalid argument.  The specified record does not exist in the list."
)


def answer(code: int, message: str = "", inner: str = "", *, of_set: str = "") -> Answers:
    status = f'messageSetStatusCode="{of_set}"' if of_set else ""
    return qbxml.read(
        f'<QBXML><QBXMLMsgsRs {status}><BillAddRs statusCode="{code}" statusSeverity="x" '
        f"statusMessage={quoteattr(message)}>{inner}</BillAddRs></QBXMLMsgsRs></QBXML>"
    )


def refused(code: int, message: str = "") -> Refused:
    found = statuses.of_answers(answer(code, message), NAMES)
    assert isinstance(found, Refused), found
    return found


@pytest.mark.parametrize("code", [0, 550, 560, 570])
def test_done_is_what_is_shown(code: int) -> None:
    found = statuses.of_answers(answer(code, inner=RET))
    assert isinstance(found, Response)
    assert found.rets[0].findtext("TxnID") == "1-1"
    told = statuses.of_answers(answer(code, inner="<ErrorRecovery><TxnID>1-1</TxnID></ErrorRecovery>"))
    assert isinstance(told, Response)
    nothing = statuses.of_answers(answer(code, "Status OK"))
    assert nothing == Unknown(words="QuickBooks said that it was done and showed nothing")


@pytest.mark.parametrize("code", sorted(statuses.REFUSALS))
def test_every_refusal_is_definite_and_has_a_sentence(code: int) -> None:
    found = refused(code, "QuickBooks error message: The field is wrong.")
    assert found.problem == statuses.REFUSALS[code]
    words = sentence(found.problem, {"vendor": "Acme", "date": "Nov 03, 2026"} | found.detail)
    assert words.endswith(".")
    assert not re.search(r"[{}…]|\(\d+\)|\b\d{4,}\b(?!,)|0x", words.replace("2026", ""))
    assert str(code) in found.words


@pytest.mark.parametrize(
    ("code", "message", "problem"),
    [
        (3040, 'There was an error when converting the amount "97.5" in the field "Amount".', "malformed"),
        (3100, 'The name "Acme" of the list element is already in use.', "vendor_name_taken"),
        (3140, VENDOR, "entry_gone"),
        (3260, "Insufficient permission level to perform this action.", "user_not_allowed"),
        (3261, "The application does not have permission.", "app_not_allowed"),
        (3180, "There was an error when saving a Bill.  QuickBooks error message: No such thing.", "refused"),
        (3180, "QuickBooks error message: The date is on or before the closing date.", "closed_period"),
        (3170, "You cannot modify a transaction in a closed period.", "closed_period"),
        (
            3171,
            "An attempt was made to modify a transaction with a date that is before the closing date",
            "closed_period",
        ),
        (3210, 'The "TxnDate" field has an invalid value.', "refused"),
        (3199, "A code that nobody lists", "refused"),
    ],
)
def test_refusals_by_code_and_where_it_is_open_by_text(code: int, message: str, problem: str) -> None:
    assert refused(code, message).problem == problem


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (3175, "The object is in use."),
        (3176, "A related object is in use."),
        (3180, "QuickBooks error message: The transaction could not be locked.  It is in use by another user."),
        (3180, "The list has been modified by another user."),
        (3200, 'The provided edit sequence "1785332667" is out-of-date.'),
        (3231, "The request has not been processed."),
    ],
)
def test_what_mends_itself_was_certainly_not_done_and_is_tried_again(code: int, message: str) -> None:
    with pytest.raises(NotSent) as told:
        statuses.of_answers(answer(code, message))
    assert told.value.problem in CATALOGUE
    assert told.value.words == message


@pytest.mark.parametrize(
    "answers",
    [
        answer(1000, "There has been an internal error when processing the request."),
        answer(1010, "System not available."),
        answer(9100, "A macro failed"),
        answer(499, "An unlisted piece of information"),
        answer(3040, "A refusal that shows something all the same", RET),
        answer(0),
        qbxml.read("<QBXML><QBXMLMsgsRs/></QBXML>"),
        qbxml.read('<QBXML><QBXMLMsgsRs messageSetStatusCode="9001"/></QBXML>'),
        qbxml.read('<QBXML><QBXMLMsgsRs messageSetStatusCode="9002"/></QBXML>'),
        qbxml.read('<QBXML><QBXMLMsgsRs messageSetStatusCode="600"/></QBXML>'),
        qbxml.read("<QBXML><QBXMLMsgsRs><ARs statusCode='0'/><BRs statusCode='0'/></QBXMLMsgsRs></QBXML>"),
    ],
)
def test_what_neither_refuses_nor_shows_is_in_doubt(answers: Answers) -> None:
    found = statuses.of_answers(answers)
    assert isinstance(found, Unknown)
    assert found.words


def test_a_warning_beside_what_is_shown_is_no_reason_to_doubt() -> None:
    assert isinstance(statuses.of_answers(answer(530, "An unsupported field", RET)), Response)


def test_the_message_sets_own_status() -> None:
    assert isinstance(statuses.of_answers(answer(0, inner=RET, of_set="9005")), Response)
    too_long = statuses.of_answers(qbxml.read('<QBXML><QBXMLMsgsRs messageSetStatusCode="9004"/></QBXML>'))
    assert isinstance(too_long, Refused)


@pytest.mark.parametrize(
    ("code", "message", "entry"),
    [
        (3140, VENDOR, "the vendor Acme Concrete"),
        (3140, VENDOR.replace("80000012-1700000000", "80000099-1700000000"), "the vendor of this bill"),
        (3140, 'There is an invalid reference to QuickBooks Class "Site: North" in the Bill.', "the class Site: North"),
        (3120, 'Object "80000041-1600000000" specified in the request cannot be found.', "Job Costs:Concrete"),
        (
            3120,
            'Object "80000099-1600000000" specified in the request cannot be found.',
            "something that this bill names",
        ),
        (3000, "The given object ID is invalid.", "something that this bill names"),
    ],
)
def test_what_is_gone_is_named_by_its_name_and_never_by_its_id(code: int, message: str, entry: str) -> None:
    found = refused(code, message)
    assert found.detail["entry"] == entry
    assert f"QuickBooks no longer knows {entry}." in sentence("entry_gone", found.detail)


def test_quickbooks_own_words_end_a_sentence() -> None:
    assert statuses.plain(VENDOR) == "Invalid argument. The specified record does not exist in the list."
    assert statuses.plain("It is wrong") == "It is wrong."
    assert statuses.plain("") == "it gave no reason."


@with_examples
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("bill_add_ok", Response),
        ("bill_add_recovered_by_status_check", Response),
        ("vendor_add_ok", Response),
        ("bill_add_bad_amount", Refused),
        ("bill_add_invalid_reference", Refused),
        ("bill_add_no_permission", Refused),
        ("vendor_add_duplicate_name", Refused),
        ("bill_add_save_locked", NotSent),
        ("bill_mod_stale_edit_sequence", NotSent),
        ("recovery_message_set_status_600", Unknown),
        ("recovery_message_set_status_9001", Unknown),
        ("recovery_message_set_status_9002", Unknown),
        ("recovery_message_set_status_9004", Refused),
        ("recovery_message_set_status_9005", Unknown),
    ],
)
def test_the_examples(name: str, wanted: Any) -> None:
    try:
        found: Any = statuses.of_answers(qbxml.read(example(name)))
    except NotSent as exc:
        found = exc
    assert isinstance(found, wanted)


# --- hresults ---------------------------------------------------------------------------------------------------------
def test_only_what_was_not_even_parsed_is_certain_for_a_write() -> None:
    for code in statuses.HRESULTS:
        found = statuses.of_hresult(code, "Something.")
        assert isinstance(found, Refused if code == statuses.NOT_PARSED else Unknown), code
    for odd in ("", "0x80131500", "-2147220472", "what"):
        assert isinstance(statuses.of_hresult(odd), Unknown)
    parsed = statuses.of_hresult("0X80040400", "QuickBooks found an error when parsing the provided XML text stream.")
    assert isinstance(parsed, Refused)
    assert (parsed.problem, parsed.detail["words"]) == (
        "malformed",
        "QuickBooks found an error when parsing the provided XML text stream.",
    )


def test_hresults_are_told_in_sentences() -> None:
    for code, told in statuses.HRESULTS.items():
        assert statuses.hresult(code) == code
        assert told.sentence.endswith(".")
        assert "0x" not in told.sentence
        assert statuses.advice(code.upper().replace("0X", "0x")) is told
    assert statuses.hresult("-2147220480") == "0x80040400"
    assert statuses.hresult("") == statuses.hresult("0") == ""
    assert statuses.advice("0x1", "Odd").sentence == "QuickBooks could not work on the PC: Odd."
    assert not statuses.advice("0x80040420").mends_itself
    assert statuses.advice(statuses.OTHER_FILE).mends_itself
