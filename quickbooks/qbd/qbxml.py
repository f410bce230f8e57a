"""qbXML as text: a message set for QuickBooks in pure ASCII, and its answer read from the string it comes in."""

from __future__ import annotations

import copy
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lxml import etree

# lxml has no types: an element of its tree.
Element = Any
VERSION = "13.0"
ID_LENGTH = 23  # of a message set; QuickBooks refuses longer ones
REQUEST_ID_LENGTH = 50
CENT = Decimal("0.01")
LARGEST = Decimal("9999999999999.99")
# Everything that XML 1.0 forbids.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
CLEAR_ALL = "ClearAllMessageSets"


class NotQbxml(Exception):
    """Not an answer of QuickBooks that can be read; the text is a sentence."""


# --- text -------------------------------------------------------------------------------------------------------------
# Typographic signs that have one in ASCII, and letters that do not come apart into one.
ASCII = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00b7\u2043", "-"),
        **dict.fromkeys("\u2022\u2023\u25cf", "*"),
        **dict.fromkeys("\u00d7\u2715", "x"),
        "\u2026": "...",
        "\u2039": "<",
        "\u203a": ">",
        "\u00ad": "",
        "\u2044": "/",
        "\u0142": "l",
        "\u0141": "L",
        "\u0111": "d",
        "\u0110": "D",
        "\u0127": "h",
        "\u0131": "i",
    }
)
SPACES = re.compile(r"\s+")


def clean(text: str, limit: int) -> str:
    """What QuickBooks takes: characters that Windows-1252 holds, on one line, at most `limit` of them.

    Cleaning twice changes nothing, so that what is looked for is what was sent.
    """
    found = unicodedata.normalize("NFC", text.translate(ASCII))
    held = "".join(_held(letter) for letter in SPACES.sub(" ", found))
    return SPACES.sub(" ", held).strip()[:limit].rstrip()


def _held(letter: str) -> str:
    """The letter itself, what stays of it without its accents, or nothing."""
    if " " <= letter <= "~":
        return letter
    if unicodedata.category(letter) in ("Cc", "Cf", "Cs"):
        return ""
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return "".join(part for part in unicodedata.normalize("NFKD", letter) if " " <= part <= "~")
    return letter


def amount(value: Decimal) -> str:
    """Two decimals, always; QuickBooks refuses any other form. Raises ValueError for what cannot be written so."""
    exact = value.quantize(CENT)
    if exact != value or abs(exact) > LARGEST:
        raise ValueError(f"{value} is no amount of at most thirteen digits and two decimals.")
    return f"{abs(exact) if exact == 0 else exact:f}"


# --- requests ---------------------------------------------------------------------------------------------------------
def request(payload: bytes) -> Element:
    """The element of a request that was kept as bytes."""
    return etree.fromstring(payload, _parser())


def payload(element: Element) -> bytes:
    """A request as bytes: ASCII, so that what is not in it is a numeric reference."""
    made: bytes = etree.tostring(element, encoding="us-ascii", xml_declaration=False)
    return made


def message_set(
    requests: Sequence[Element], *, new_id: str = "", old_id: str = "", on_error: str = "stopOnError"
) -> str:
    """The text for the Web Connector. Requests without an id are numbered, so that each answer finds its own.

    Both ids the same ask how that set went; an old id alone makes QuickBooks forget it. Raises ValueError.
    """
    if on_error not in ("stopOnError", "continueOnError"):
        raise ValueError(f"QuickBooks does not take {on_error}.")
    root = etree.Element("QBXML")
    attributes = {"newMessageSetID": new_id, "oldMessageSetID": old_id, "onError": on_error}
    for name in ("newMessageSetID", "oldMessageSetID"):
        if not attributes[name]:
            del attributes[name]
        elif len(attributes[name]) > ID_LENGTH or not attributes[name].isascii():
            raise ValueError(f"{attributes[name]} is longer than {ID_LENGTH} characters, or not ASCII.")
    asked = etree.SubElement(root, "QBXMLMsgsRq", attributes)
    for number, one in enumerate(requests, start=1):
        each = copy.deepcopy(one)
        each.tail = None
        if not each.get("requestID"):
            each.set("requestID", str(number))
        if len(each.get("requestID")) > REQUEST_ID_LENGTH:
            raise ValueError(f"{each.get('requestID')} is longer than {REQUEST_ID_LENGTH} characters.")
        asked.append(each)
    head = f'<?xml version="1.0" encoding="utf-8"?>\n<?qbxml version="{VERSION}"?>\n'
    return head + payload(root).decode("ascii")


# --- answers ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one request. `kind` is the request's name without Rq: BillAdd, VendorQuery.

    `rets` are the objects shown; an answer to a deletion, which shows none, stands there itself. `recovery` is what
    is left of an answer that is told once more.
    """

    kind: str
    request_id: str
    code: int
    severity: str
    message: str
    iterator_id: str = ""
    remaining: int = 0
    rets: list[Element] = field(default_factory=list)
    recovery: Element | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """A whole answer. `status_code` is the message set's own, None where it has none."""

    status_code: int | None
    message_set_id: str
    responses: list[Response]

    def of(self, kind: str) -> Response | None:
        """The first answer of a kind."""
        return next((one for one in self.responses if one.kind == kind), None)


DECLARATION = re.compile(r"^\ufeff?\s*(<\?xml[^>]*\?>)?\s*")


def read(text: str) -> Answers:
    """Read an answer. What its XML declaration says of an encoding is not true any more. Raises NotQbxml."""
    bare = DECLARATION.sub("", text, count=1)
    if not bare:
        raise NotQbxml("The answer is empty.")
    if re.search(r"<!(DOCTYPE|ENTITY)", bare):
        raise NotQbxml("The answer must not declare a document type or entities.")
    try:
        root = etree.fromstring(bare, _parser())
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise NotQbxml(f"The answer is not well-formed XML: {exc}.") from exc
    told = root.find("QBXMLMsgsRs") if root.tag == "QBXML" else None
    if told is None:
        raise NotQbxml("The answer holds no answers of QuickBooks.")
    return Answers(
        status_code=_whole(told.get("messageSetStatusCode")),
        message_set_id=told.get("newMessageSetID") or "",
        responses=[_response(child) for child in told if isinstance(child.tag, str) and child.tag.endswith("Rs")],
    )


def _response(found: Element) -> Response:
    code = _whole(found.get("statusCode"))
    if code is None:
        raise NotQbxml(f"{found.tag} has no status.")
    rets = [child for child in found if isinstance(child.tag, str) and child.tag.endswith("Ret")]
    # The answer to a deletion names what is gone without an object around it.
    itself = [found] if found.find("TxnID") is not None or found.find("ListID") is not None else []
    return Response(
        kind=found.tag.removesuffix("Rs"),
        request_id=found.get("requestID") or "",
        code=code,
        severity=found.get("statusSeverity") or "",
        message=found.get("statusMessage") or "",
        iterator_id=found.get("iteratorID") or "",
        remaining=_whole(found.get("iteratorRemainingCount")) or 0,
        rets=rets or itself,
        recovery=found.find("ErrorRecovery"),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\s*-?[0-9]{1,9}\s*", text) else None


def _parser() -> Any:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
