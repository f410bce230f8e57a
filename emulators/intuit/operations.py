"""One reading or writing operation on one object, whatever its kind; and batches of them.

Intuit: which operations exist per object is in qbo.md sections 2.1 and 2.9, batches in section 3.2.
"""

from __future__ import annotations

from typing import Any

from emulators.intuit import answers, bills, entities, payments, uploads
from emulators.intuit.answers import QboFault
from emulators.intuit.company import company_info, preferences
from emulators.intuit.presenting import present
from emulators.intuit.queries import run_query
from emulators.intuit.request_ids import MOST_IN_BATCH
from emulators.intuit.shapes import LISTS, SHAPES
from emulators.intuit.store import Body, Origin, Record, Store

KINDS = {kind.lower(): kind for kind in SHAPES}
_MOST_BATCH_ID = 10


def kind_named(name: str) -> str:
    kind = KINDS.get(name.lower())
    if kind is None:
        raise answers.unsupported_operation(f"Operation on {name} is not supported.")
    return kind


def read(store: Store, realm: str, name: str, identifier: str, stale_seconds: float = 0) -> Body:
    """The answer to GET entity/id."""
    if name.lower() == "companyinfo":
        return {"CompanyInfo": company_info(store, realm)}
    if name.lower() == "preferences":
        return {"Preferences": preferences(store, realm)}
    kind = kind_named(name)
    record = store.find(realm, kind, identifier)
    if record is not None and stale_seconds:
        record = record.as_of(store.now() - stale_seconds)
    if record is None or record.deleted:
        raise answers.not_found()
    return {kind: present(store, record)}


def write(store: Store, realm: str, kind: str, operation: str, include: str, sent: Any, origin: Origin) -> Body:
    """Create, update, delete or void; the answer without its time."""
    if operation == "delete":
        record = _delete(store, realm, kind, sent, origin)
        return {kind: {"status": "Deleted", "domain": "QBO", "Id": record.id}}
    if operation == "void" or include == "void":
        if kind != "BillPayment":
            raise answers.unsupported_operation(f"Operation void is not supported for {kind}.")
        return {kind: present(store, payments.void_payment(store, realm, sent, origin))}
    if operation not in ("", "create", "update"):
        raise answers.unsupported_operation(f"Operation {operation} is not supported.")
    if operation == "update" and isinstance(sent, dict) and sent.get("Id") in (None, ""):
        raise answers.missing("Id")
    return {kind: present(store, _save(store, realm, kind, include, sent, origin))}


def _save(store: Store, realm: str, kind: str, include: str, sent: Any, origin: Origin) -> Record:
    if kind in LISTS:
        return entities.save_list_object(store, realm, kind, sent, origin)
    if kind == "Attachable":
        return uploads.save_attachable(store, realm, sent, origin)
    if kind == "BillPayment":
        return payments.save_payment(store, realm, sent, origin)
    return bills.save_bill(store, realm, kind, sent, origin, include == "allowduplicatedocnum")


def _delete(store: Store, realm: str, kind: str, sent: Any, origin: Origin) -> Record:
    if kind in LISTS:
        # Intuit: list objects are made inactive, not deleted.
        raise answers.unsupported_operation(f"Operation delete is not supported for {kind}.")
    if kind == "Attachable":
        return uploads.delete_attachable(store, realm, sent, origin)
    if kind == "BillPayment":
        return payments.delete_payment(store, realm, sent, origin)
    return bills.delete_bill(store, realm, kind, sent, origin)


def run_batch(store: Store, realm: str, sent: Any, request_id: str) -> Body:
    """Every item succeeds or fails by itself."""
    items = sent.get("BatchItemRequest") if isinstance(sent, dict) else None
    if not isinstance(items, list) or not items:
        raise answers.missing("BatchItemRequest")
    most = store.switches.number("batch_max", realm)
    if len(items) > most:
        raise answers.bad_value("BatchItemRequest", f"a batch may have at most {most} items")
    if len(request_id) > MOST_IN_BATCH:
        raise answers.too_long("requestid", MOST_IN_BATCH)
    if request_id and any(len(str(item.get("bId", ""))) > _MOST_BATCH_ID for item in items):
        raise answers.too_long("bId", _MOST_BATCH_ID)
    return {"BatchItemResponse": [_run_item(store, realm, item, request_id) for item in items]}


def _run_item(store: Store, realm: str, item: Body, request_id: str) -> Body:
    answer: Body = {"bId": str(item.get("bId", ""))}
    origin = Origin(request_id=f"{request_id}{answer['bId']}" if request_id else "")
    try:
        if "Query" in item:
            return {**answer, "QueryResponse": run_query(store, realm, str(item["Query"]))}
        kind = next((name for name in item if name in SHAPES), "")
        if not kind:
            raise answers.missing("entity of the batch item")
        include = str(item.get("optionsData", ""))
        done = write(store, realm, kind, str(item.get("operation", "")).lower(), include, item[kind], origin)
        return {**answer, **done}
    except QboFault as fault:
        return {**answer, "Fault": fault.fault()}
