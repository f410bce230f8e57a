"""What has to have happened so that every page shows all it can: rows for what a test cannot wait for."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import requests

from tests.support.product import Product

TOKEN = "for-the-test-of-looks"


def begin(product: Product) -> None:
    """In a product whose switch is on."""
    record = product.procore.create(status="under_review")
    product.procore.approve(record["id"])
    _not_imported(product)
    _different(product)
    _told(product)
    invited(product)


def _not_imported(product: Product) -> None:
    """So that Settings → Procore shows all it can: an approval that does not come, and a message nobody can read."""
    late = product.procore.create(status="under_review")
    product.procore.approve(late["id"], at="2026-01-01T00:00:00Z")
    address, secret = product.hook()
    requests.post(address, data=b"not json", headers={"Authorization": secret}, timeout=10)
    asked = "SELECT count(*) FROM procore_sync_procoreinvoice WHERE gate = 'mirroring'"
    dead = "SELECT 1 FROM procore_sync_webhookdelivery WHERE outcome = 'dead'"
    for _ in range(40):
        if product.rows(asked)[0][0] and product.rows(dead):
            return
        time.sleep(0.25)
    raise AssertionError("The approval from before the switch was not set aside.")


def _different(product: Product) -> None:
    """A posted invoice that changed in Procore afterwards, one that is gone, and files that did not come."""
    rule = product.procore.fault("html_200", path="/_storage/")
    # Numbers of their own: the next invoice of a commitment takes the number of one that was deleted.
    numbers = ["CHANGED-1", "GONE-1"]
    changed, gone = (
        product.procore.create(status="under_review", attachment="scan.pdf", invoice_number=number)
        for number in numbers
    )
    there = "SELECT 1 FROM invoices_invoice i JOIN accounting_bill b ON b.invoice_id = i.id WHERE b.state = 'synced'"
    for each in (changed, gone):
        product.procore.approve(each["id"])
    _until(product, f"{there} AND i.number = ANY(%s)", 2, numbers)
    product.procore.patch(f"invoices/{changed['id']}", {"scale": "0.5"})
    product.procore.delete(f"invoices/{gone['id']}")
    states = "SELECT 1 FROM invoices_invoice WHERE source_state IN ('changed', 'deleted') AND number = ANY(%s)"
    _until(product, states, 2, numbers)
    _until(product, "SELECT 1 FROM procore_sync_procoreattachment WHERE reason <> ''", 1)
    product.procore.delete(f"faults/{rule}")


def _told(product: Product) -> None:
    """Payments of those invoices' bills: one Procore shows, one it refused."""
    for state, problem, procore_id in (
        ("told", "", 1),
        ("refused", "Procore does not let inBuild add payments.", None),
    ):
        product.rows(TOLD, f"{state} ", f"{procore_id or ''}", state, problem, procore_id)


TOLD = """
INSERT INTO procore_sync_contractpayment (company_id, integration_id, invoice_id, origin_id, payment_id, requisition_id,
    project_id, wanted, hold, state, problem, procore_id, attempt, failures, created_at)
SELECT company_id, integration_id, invoice_id, concat(%s::text, procore_id),
    concat(procore_id, %s::text), procore_id, project_id,
    '{"amount": "1250.00", "date": "2026-11-20", "check_number": "1047"}', '',
    %s::text, %s::text, %s::bigint * procore_id, 0, 0, now()
FROM procore_sync_procoreinvoice WHERE invoice_id IS NOT NULL AND kind = 'subcontractor_invoice'
ON CONFLICT DO NOTHING RETURNING id
"""


def months_checked(product: Product) -> Iterator[str]:
    """A month with differences, one that ties out and one that waits for QuickBooks."""
    line = {
        "kind": "subcontractor_invoice", "procore_id": 1, "number": "SC-1", "vendor": "Acme Concrete LLC",
        "day": "2026-01-05",
        "currency": "USD", "procore": "1250.00", "inbuild": None, "books": None, "invoice": "",
        "words": "inBuild had not heard of it. It asks Procore for it now.",
    }  # fmt: skip
    side, none = {"count": 1, "sums": [["USD", "1250.00"]]}, {"count": 0, "sums": []}
    project = {"id": 1, "name": "Harbor Tower", "problem": "", "procore": side, "inbuild": none, "books": none}
    differs = project | {"differences": 1, "lines": [line]}
    fine = project | {"differences": 0, "lines": [line | {"words": ""}]}
    for month, found in (("2026-01", [differs, fine]), ("2026-02", [fine]), ("2026-03", None)):
        result = None if found is None else json.dumps({"projects": found, "problems": []})
        product.rows(CHECKED, f"{month}-01", result, result)
        yield month


CHECKED = """
INSERT INTO procore_sync_monthcheck
    (company_id, integration_id, month, asked_by_id, projects, listed, waits_for, result, done_at, attempt, failures)
SELECT i.company_id, i.id, %s::date, m.user_id, '[{"id": 1, "name": "Harbor Tower"}]', '{}', 'Reading QuickBooks.',
    %s::jsonb, CASE WHEN %s::text IS NULL THEN NULL ELSE now() END, 0, 0
FROM procore_sync_procoreintegration i JOIN companies_membership m ON m.company_id = i.company_id AND m.role = 'admin'
ORDER BY i.id LIMIT 1 ON CONFLICT DO NOTHING RETURNING id
"""


def bulk_run(product: Product) -> Any:
    """One that is over, with invoices that could not be done."""
    [(public_id,)] = product.rows(BULK_RUN)
    product.rows(BULK_ITEMS, public_id)
    return public_id


BULK_RUN = """
INSERT INTO accounting_bulkrun (company_id, public_id, token, deed, filter, by_id, total, at)
SELECT company_id, gen_random_uuid(), gen_random_uuid(), 'skip', '', user_id, 2, now()
FROM companies_membership WHERE role = 'admin' ORDER BY id LIMIT 1 RETURNING public_id
"""
BULK_ITEMS = """
INSERT INTO accounting_bulkitem (company_id, run_id, invoice_id, outcome, reason, attempt, failures)
SELECT r.company_id, r.id, i.id, 'refused', 'It is in QuickBooks already.', 0, 0
FROM accounting_bulkrun r JOIN invoices_invoice i ON i.company_id = r.company_id WHERE r.public_id = %s
ORDER BY i.id LIMIT 2 RETURNING id
"""


def not_mailed(product: Product) -> None:
    """Things that need somebody, a mail that waits and one that was given up; so Notifications shows all it can."""
    _until(product, "SELECT 1 FROM companies_notice WHERE ended_at IS NULL", 2)
    for state in ("waiting", "failed"):
        product.rows(NOT_MAILED, state, state)


NOT_MAILED = """
INSERT INTO companies_mail
    (company_id, membership_id, uid, about, subject, text, html, state, problem, attempt, failures)
SELECT company_id, id, gen_random_uuid(), %s::text, 'x', 'x', 'x', %s::text,
    'The mail server cannot be reached (TimeoutError).', 0, 0
FROM companies_membership WHERE role IN ('admin', 'accountant') ON CONFLICT DO NOTHING RETURNING id
"""


def invited(product: Product) -> None:
    """Invitations that are good, whose mail cannot be sent, and that have expired."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    for email, token, days in (("riley@northgate.example", digest, 7), ("jordan@northgate.example", "x", -1)):
        product.rows(INVITED, email, token, days)
    product.rows(INVITED_MAIL)


INVITED = """
INSERT INTO companies_invitation (company_id, email, role, token_sha256, sent_at, expires_at, invited_by_id)
SELECT company_id, %s::text, 'accountant', %s::text, now(), now() + make_interval(days => %s), user_id
FROM companies_membership WHERE role = 'admin' ORDER BY id LIMIT 1 ON CONFLICT DO NOTHING RETURNING id
"""
INVITED_MAIL = """
INSERT INTO companies_mail
    (company_id, invitation_id, uid, about, subject, text, html, state, problem, attempt, failures)
SELECT company_id, id, gen_random_uuid(), 'invitation', 'x', 'x', 'x', 'waiting',
    'The mail server cannot be reached (TimeoutError).', 0, 0
FROM companies_invitation WHERE email = 'riley@northgate.example' RETURNING id
"""


DROP = "from tests.support import dropped; print(dropped.filled())"
TAKE_OUT = "from tests.support import dropped; dropped.emptied()"


def dropped(product: Product) -> dict[str, str]:
    """PDFs in the inbox, invoices that wait and that were rejected, a limit. Their public ids by name."""
    made: dict[str, str] = json.loads(product.manage("shell", "--verbosity", "0", "-c", DROP).splitlines()[-1])
    _until(product, "SELECT 1 FROM invoices_inboxfile WHERE state IN ('read', 'unread')", 3)
    return made


def taken_out(product: Product) -> None:
    product.manage("shell", "--verbosity", "0", "-c", TAKE_OUT)


def _until(product: Product, sql: str, rows: int, *parameters: Any) -> None:
    for _ in range(80):
        if len(product.rows(sql, *parameters)) >= rows:
            return
        time.sleep(0.25)
    raise AssertionError(f"It did not happen: {sql}")


CAUSE = (
    "from accounting import attention as a; "
    "print(next(group.key for group in a.groups({company}) if group.value == 'bug'))"
)


def _company(product: Product) -> int:
    """The accountant's, not the one whose books are on a PC."""
    sql = "SELECT m.company_id FROM companies_membership m JOIN companies_user u ON u.id = m.user_id WHERE u.email = %s"
    return int(product.rows(sql, product.sign_ins["accountant"].email)[0][0])


def stopped(product: Product) -> str:
    """So that Needs attention shows causes with a press for all and with a decision about each. Returns one's key."""
    company = _company(product)
    for problem, state, rest in (("bug", "failed", 0), ("zero", "on_hold", 2)):
        product.rows(
            "UPDATE accounting_bill SET state = %s, problem = %s, next_at = NULL, "
            'problem_detail = \'{"reference": "7f3a91c2"}\' WHERE id IN ('
            "SELECT id FROM accounting_bill WHERE company_id = %s AND state <> 'needs_mapping' "
            "ORDER BY id DESC LIMIT 2 OFFSET %s) RETURNING id",
            state,
            problem,
            company,
            rest,
        )
    return product.manage("shell", "--verbosity", "0", "-c", CAUSE.format(company=company)).splitlines()[-1]


def waiting(product: Product) -> str:
    """So that Mapping shows a cause: the oldest invoice's bill, as if its vendor were not mapped."""
    changed = product.rows(
        "UPDATE accounting_bill SET state = 'needs_mapping', problem = 'unmapped' WHERE id = ("
        "SELECT b.id FROM accounting_bill b JOIN invoices_invoice i ON i.id = b.invoice_id WHERE b.company_id = %s "
        "ORDER BY i.id LIMIT 1) RETURNING id, invoice_id",
        company := _company(product),
    )
    bill, invoice = changed[0]
    product.rows(
        "INSERT INTO accounting_missingmapping (company_id, bill_id, key, name) "
        "SELECT %s, %s, 'vendor:' || v.id, v.name FROM invoices_vendor v JOIN invoices_invoice i ON i.vendor_id = v.id "
        "WHERE i.id = %s ON CONFLICT DO NOTHING RETURNING id",
        company,
        bill,
        invoice,
    )
    return str(product.rows("SELECT public_id FROM invoices_invoice WHERE id = %s", invoice)[0][0])
