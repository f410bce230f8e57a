"""The request processor: takes the text of a message set, answers the text of its responses.

It is as strict as QuickBooks: one character it cannot read, one element out of its place, and nothing of the set runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring

from emulators.desktop import company
from emulators.desktop.queries import KINDS, Found, Iterators, bills_to_pay, deleted, query
from emulators.desktop.recovery import NOT_STORED, Recovery
from emulators.desktop.refusals import Refused, not_parsed, severity
from emulators.desktop.rendering import document, only, ret
from emulators.desktop.request_shapes import REQUESTS, WITH_ITERATOR, WRITES
from emulators.desktop.shapes import Check, Strictness
from emulators.desktop.store import Body, Origin, Store
from emulators.desktop.writing import Writer

_VERSION = re.compile(r'<\?qbxml\s+version="(\d+\.\d+)"\s*\?>')
_LONGEST_REQUEST_ID = 50
_SET_ATTRIBUTES = {"onError", "newMessageSetID", "oldMessageSetID", "responseData"}


@dataclass(frozen=True)
class Request:
    """One request of a set, already read."""

    name: str
    id: str
    values: Body
    attributes: dict[str, str]
    problem: Refused | None


@dataclass
class QuickBooksSession:
    """QuickBooks as one application has it open: BeginSession to EndSession."""

    store: Store
    file: str
    app: str
    owner: str = ""
    pages: Iterators = field(default_factory=Iterators)

    def first_contact(self) -> str:
        """The answers the Web Connector fetches by itself for strHCPResponse."""
        there = self.store.file(self.file)
        owners = [self.owner] if self.owner and self.store.switches["hcp_names_file_id"] else []
        root, responses = _frame()
        for number, (name, element) in enumerate(
            (
                ("Host", company.host(there)),
                ("Company", company.company(there, owners)),
                ("Preferences", company.preferences(self.store, there)),
            )
        ):
            attributes = {"requestID": str(number), **_status(None)}
            SubElement(responses, f"{name}QueryRs", attributes).append(element)
        return document(root)

    def process(self, text: str, *, keeps_record: bool = True) -> str:
        """Run a message set. Raises Denied if QuickBooks does not take it."""
        asked, requests = read(self.store, text)
        new, old = asked.get("newMessageSetID", ""), asked.get("oldMessageSetID", "")
        recovery = Recovery(self.store, self.file, self.app)
        with self.store.ledger.writing():
            step = recovery.step(new, old, text)
            root, responses = _frame()
            status = step.status
            if step.runs:
                failed = self._run(requests, responses, asked["onError"], new)
                if failed and not self.store.switches["failures_are_kept"]:
                    pass
                elif new and keeps_record:
                    recovery.keep(new, text, responses)
                elif new:
                    status = NOT_STORED
            elif step.stored:
                responses.extend(recovery.as_answer(step.stored))
        if new:
            responses.set("newMessageSetID", new)
        if status is not None and (status or self.store.switches["success_has_status"]):
            responses.set("messageSetStatusCode", str(status))
        return document(root)

    def _run(self, requests: list[Request], responses: Element, on_error: str, message_set: str) -> bool:
        """Run them in order; answer whether one failed."""
        failed, any_failed = False, False
        for request in requests:
            if failed and on_error == "stopOnError":
                problem = Refused(3231, "The request has not been processed.")
                self._answer(responses, request, Found([]), problem)
                continue
            try:
                if request.problem is not None:
                    raise request.problem
                found = self._do(request, Origin("qbxml", self.app, message_set))
                self._answer(responses, request, found, found.problem)
            except Refused as problem:
                failed = severity(problem.code) == "Error"
                any_failed = any_failed or failed
                self._answer(responses, request, Found([]), problem)
        return any_failed

    def _answer(self, responses: Element, request: Request, found: Found, problem: Refused | None) -> None:
        attributes = {"requestID": request.id} if request.id else {}
        response = SubElement(responses, f"{request.name.removesuffix('Rq')}Rs", {**attributes, **_status(problem)})
        for name, value in found.attributes.items():
            response.set(name, value)
        response.extend(found.rets)

    def _do(self, request: Request, origin: Origin) -> Found:
        name, sent = request.name, request.values
        there = self.store.file(self.file)
        if name in WRITES:
            return self._write(name, sent, origin)
        if name in KINDS:
            return query(self.store, self.file, name, sent, request.attributes, self.pages)
        if name == "BillToPayQueryRq":
            return bills_to_pay(self.store, self.file, sent)
        if name in ("TxnDeletedQueryRq", "ListDeletedQueryRq"):
            return deleted(self.store, self.file, name, sent)
        if name == "HostQueryRq":
            element = company.host(there)
        elif name == "CompanyQueryRq":
            element = company.company(there, sent.get("OwnerID", []))
        else:
            element = company.preferences(self.store, there)
        return Found([only(element, sent.get("IncludeRetElement", []))])

    def _write(self, name: str, sent: Body, origin: Origin) -> Found:
        writer = Writer(self.store, self.file, origin)
        if name == "TxnDelRq":
            gone = writer.delete(sent["TxnDelType"], sent["TxnID"])
            values = {
                "TxnDelType": sent["TxnDelType"],
                "TxnID": gone.id,
                "TimeDeleted": self.store.moment(gone.deleted),
            }
            values["RefNumber"] = gone.body.get("RefNumber", "")
            rets = []
            for field_name, value in values.items():
                if value:
                    rets.append(Element(field_name))
                    rets[-1].text = value
            return Found(rets)
        if name == "VendorAddRq":
            record = writer.add_vendor(sent["VendorAdd"])
        elif name.endswith("AddRq"):
            kind = name.removesuffix("AddRq")
            record = writer.add(kind, sent[f"{kind}Add"])
        else:
            kind = name.removesuffix("ModRq")
            record = writer.modify(kind, sent[f"{kind}Mod"])
        return Found([only(ret(self.store, self.file, record), sent.get("IncludeRetElement", []))])


def read(store: Store, text: str) -> tuple[dict[str, str], list[Request]]:
    """The attributes of the set and its requests. Raises Denied where QuickBooks could not parse it."""
    if not store.switches["raw_non_ascii"] and not text.isascii():
        strange = next(character for character in text if ord(character) > 126)
        raise not_parsed(f"the character {strange!r} is not written as a reference")
    version = _VERSION.search(text)
    if version is None or version.group(1) not in company.SUPPORTED:
        raise not_parsed("there is no <?qbxml version=...?> of a supported version")
    if "<!DOCTYPE" in text:
        raise not_parsed("there is a DOCTYPE")
    try:
        root = fromstring(text)  # noqa: S314 - what the product under test sends
    except (ParseError, ValueError) as error:
        raise not_parsed(str(error)) from error
    if root.tag != "QBXML" or len(root) != 1 or root[0].tag != "QBXMLMsgsRq":
        raise not_parsed("the document is not one QBXMLMsgsRq in QBXML")
    asked = dict(root[0].attrib)
    if not set(asked) <= _SET_ATTRIBUTES:
        raise not_parsed(f"QBXMLMsgsRq has other attributes than {', '.join(sorted(_SET_ATTRIBUTES))}")
    # qbd.md 2.1: rollbackOnError is in the schema, but QuickBooks refuses it.
    if asked.get("onError") not in ("stopOnError", "continueOnError"):
        raise not_parsed("onError is neither stopOnError nor continueOnError")
    for element in root.iter():
        _check_characters(store, element)
    return asked, [_request(store, element) for element in root[0]]


def _check_characters(store: Store, element: Element) -> None:
    try:
        (element.text or "").encode("cp1252")
    except UnicodeEncodeError as error:
        if store.switches["outside_cp1252"] == "hresult":
            raise not_parsed(f"{element.tag} holds a character outside Windows-1252") from error
        element.text = (element.text or "").encode("cp1252", "replace").decode("cp1252")


def _request(store: Store, element: Element) -> Request:
    if element.tag not in REQUESTS:
        raise not_parsed(f"{element.tag} is unknown")
    allowed = {"requestID"} | ({"metaData"} if element.tag.endswith("QueryRq") else set())
    allowed |= {"iterator", "iteratorID"} if element.tag in WITH_ITERATOR else set()
    if not set(element.attrib) <= allowed or element.get("iterator", "Start") not in ("Start", "Continue", "Stop"):
        raise not_parsed(f"{element.tag} has an attribute it may not have")
    check = Check(Strictness(bool(store.switches["whole_amounts"]), str(store.switches["too_long"])))
    values = check.read(REQUESTS[element.tag], element)
    identifier = element.get("requestID", "")
    problem = check.problem
    if len(identifier) > _LONGEST_REQUEST_ID:
        problem = Refused(1060, "The request ID is too long.")
    return Request(element.tag, identifier, values, dict(element.attrib), problem)


def _frame() -> tuple[Element, Element]:
    root = Element("QBXML")
    return root, SubElement(root, "QBXMLMsgsRs")


def _status(problem: Refused | None) -> dict[str, Any]:
    code = problem.code if problem is not None else 0
    message = problem.message if problem is not None else "Status OK"
    return {"statusCode": str(code), "statusSeverity": severity(code), "statusMessage": message}
