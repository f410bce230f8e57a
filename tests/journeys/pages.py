"""Every page of the product: one table, from which the test of looks, `./run screens` and its list of pages all live.

A new page is one line in `addresses` (whose eyes, its address and, where it gets pictures and figures of its own, its
name) and one line in `MOST_QUERIES`, by the name of its view.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from launcher.walk import SignIn
from tests.journeys import scene
from tests.support.product import Product


class Row(NamedTuple):
    role: str
    address: str
    name: str = ""
    """Of its pictures. A page that only differs in what a role may do needs none."""


# The most that any of its rows took when it was measured, by the name of the view; "" is an address without one. A page
# that needs more has a new question for the database, or asks one again for each of its rows.
MOST_QUERIES = {
    "": 10,
    "account_change_password": 10,
    "account_email": 10,
    "account_inactive": 0,
    "account_login": 0,
    "account_logout": 10,
    "account_reauthenticate": 16,
    "account_reset_password": 0,
    "account_reset_password_done": 0,
    "account_reset_password_from_key": 1,
    "account_reset_password_from_key_done": 0,
    "account_signup": 0,
    "accounting:duplicate": 16,
    "accounting:integrations": 25,
    "accounting:mapping": 19,
    "accounting:projects": 16,
    "accounting:resync": 17,
    "accounting:setup_step": 16,
    "activity": 14,
    "approvals": 12,
    "attention:page": 17,
    "bulk:run": 12,
    "how-it-works": 10,
    "invoices:calls": 17,
    "invoices:detail": 35,
    "invoices:edit": 18,
    "invoices:inbox": 17,
    "invoices:list": 25,
    "invoices:new": 15,
    "members:invitation": 13,
    "members:list": 14,
    "members:sessions": 13,
    "mfa_index": 12,
    "notifications:list": 25,
    "notifications:settings": 11,
    "procore:completeness": 14,
    "procore:why": 35,
    "procore_sync:review": 19,
    "procore_sync:settings": 26,
    "qbd:session": 13,
    "qbd:sessions": 13,
    "qbd:set_up": 13,
    "status": 19,
}
# Every five minutes it is noted that a session is in use (companies/sessions.py), and from where.
SOMETIMES = 4

STRANGERS = [
    Row("", "/accounts/login/", "sign-in"),
    Row("", "/accounts/signup/", "sign-up-closed"),
    Row("", "/accounts/password/reset/", "password-reset"),
    Row("", "/accounts/password/reset/done/", "password-reset-sent"),
    Row("", "/accounts/password/reset/key/1-nonsense/", "password-reset-bad-link"),
    Row("", "/accounts/password/reset/key/done/", "password-reset-done"),
    Row("", "/accounts/inactive/", "account-inactive"),
    Row("", f"/invitations/{scene.TOKEN}/", "invitation"),
    Row("", "/invitations/nonsense/", "invitation-closed"),
    Row("", "/how-it-works/"),
]


def pages(product: Product) -> Iterator[Row]:
    """After `scene.begin`. Rows change while this goes on, so each page is looked at before the next is asked for."""
    yield from STRANGERS
    for row in addresses(product):
        yield Row(*row)


def addresses(product: Product) -> Iterator[tuple[str, str] | tuple[str, str, str]]:
    yield "admin", "/invoices/", "invoices"
    yield "admin", "/invoices/?q=nothing-matches-this", "invoices-no-match"
    yield "admin", "/invoices/?from=yesterday"
    yield "viewer", "/invoices/?sort=-amount&col=vendor&col=due&col=amount&col=status&col=paid&col=books&least=1"
    yield "admin", "/invoices/new/", "invoice-new"
    yield "admin", "/settings/procore/", "settings-procore"
    yield "admin", "/settings/procore/review/"
    yield "admin", "/settings/procore/review/?why=before", "review"
    yield "admin", "/settings/procore/review/?q=nothing-matches-this", "review-no-match"
    yield "accountant", "/settings/procore/review/"
    yield "admin", "/settings/accounting/", "settings-accounting"
    yield "admin", "/settings/accounting/setup/payable/", "setup-payable"
    for step in ("lines", "retainage", "due", "projects", "vendors", "finish"):
        yield "admin", f"/settings/accounting/setup/{step}/", f"setup-{step}"
    yield "accountant", "/settings/accounting/setup/payable/"
    for tab in ("vendors", "projects", "codes"):
        yield "accountant", f"/settings/accounting/mapping/?tab={tab}", f"mapping-{tab}"
    yield "admin", "/settings/accounting/mapping/?q=nothing-matches-this", "mapping-no-match"
    yield "outsider", "/settings/accounting/mapping/", "mapping-not-connected"
    yield "admin", "/invoices/nowhere/", "not-found"
    yield "admin", "/procore/why/", "why"
    yield "admin", "/procore/why/?q=nothing-matches-this", "why-no-match"
    yield "outsider", "/procore/why/?q=SC"
    yield "accountant", "/settings/procore/", "settings-procore-accountant"
    yield "accountant", "/settings/accounting/"
    yield "outsider", "/invoices/", "new-company"
    yield "outsider", "/settings/procore/", "new-company-procore"
    yield "outsider", "/settings/accounting/", "new-company-accounting"
    yield from _what_happened()
    yield from _invoices(product)
    yield "accountant", f"/settings/accounting/mapping/?missing={scene.waiting(product)}", "mapping-one-invoice"
    yield "accountant", "/settings/accounting/mapping/", "mapping"
    yield "outsider", "/attention/", "new-company-attention"
    cause = scene.stopped(product)
    yield "admin", "/attention/", "attention"
    yield "admin", f"/attention/?cause={cause}", "attention-cause"
    for role in ("accountant", "viewer"):
        yield role, "/attention/"
        yield role, f"/attention/?cause={cause}"
    yield "accountant", "/attention/?section=mapping"
    yield "accountant", "/invoices/?tab=attention", "invoices-attention"
    yield from _checked(product)
    yield "accountant", f"/invoices/bulk/{scene.bulk_run(product)}/", "bulk-run"
    yield from _own(product)
    yield from _people(product)


def _what_happened() -> Iterator[tuple[str, str] | tuple[str, str, str]]:
    yield "admin", "/activity/", "activity"
    yield "viewer", "/activity/"
    yield "admin", "/activity/?kind=switch"
    yield "admin", "/activity/?kind=nonsense"
    yield "admin", "/activity/?number=nothing-matches-this"
    yield "outsider", "/activity/"


SEVERAL = (
    "SELECT vendor_name FROM procore_sync_procoreinvoice WHERE vendor_name <> '' GROUP BY vendor_name "
    "HAVING count(*) > 1 LIMIT 1"
)
WITH_FILES = (
    "SELECT public_id FROM invoices_invoice i WHERE EXISTS "
    "(SELECT 1 FROM invoices_attachment a WHERE a.invoice_id = i.id) ORDER BY id LIMIT 1"
)
POSTED = (
    "SELECT i.public_id FROM invoices_invoice i JOIN accounting_bill b ON b.invoice_id = i.id "
    "WHERE b.state = 'synced' AND i.source_state = 'as_imported' ORDER BY i.id LIMIT 1"
)
PAID = (
    "SELECT i.public_id FROM invoices_invoice i JOIN procore_sync_contractpayment p ON p.invoice_id = i.id "
    "WHERE p.state = 'told' ORDER BY i.id LIMIT 1"
)
HELD = (
    "SELECT i.public_id FROM invoices_invoice i JOIN accounting_bill b ON b.invoice_id = i.id "
    "WHERE b.problem = %s ORDER BY i.id LIMIT 1"
)
LATE = "SELECT kind, project_id, procore_id FROM procore_sync_procoreinvoice WHERE gate = 'mirroring' LIMIT 1"
DIFFERENT = (
    "SELECT public_id, source_state FROM invoices_invoice WHERE source_state IN ('changed', 'deleted') "
    "ORDER BY id DESC LIMIT 2"
)


def _invoices(product: Product) -> Iterator[tuple[str, str] | tuple[str, str, str]]:
    for (public_id,) in product.rows(WITH_FILES):
        yield "admin", f"/invoices/{public_id}/", "invoice-with-file"
        yield "admin", f"/invoices/{public_id}/calls/", "outside-calls"
        yield "viewer", f"/invoices/{public_id}/"
        yield "viewer", f"/invoices/{public_id}/calls/", "outside-calls-viewer"
    for (public_id,) in product.rows(POSTED):
        yield "accountant", f"/invoices/{public_id}/", "invoice"
        yield "accountant", f"/procore/why/?invoice={public_id}", "why-synced"
        yield "accountant", f"/settings/accounting/bills/{public_id}/duplicate/", "duplicate-none"
        yield "accountant", f"/settings/accounting/bills/{public_id}/resync/", "resync"
    for (public_id,) in product.rows("SELECT public_id FROM invoices_invoice ORDER BY id LIMIT 1"):
        yield "accountant", f"/invoices/{public_id}/"
        yield "accountant", f"/procore/why/?invoice={public_id}"
        yield "accountant", f"/settings/accounting/bills/{public_id}/duplicate/"
        yield "accountant", f"/settings/accounting/bills/{public_id}/resync/"
    for (public_id,) in product.rows(PAID):
        yield "accountant", f"/invoices/{public_id}/", "invoice-paid"
    for (public_id,) in product.rows(HELD, "duplicate_in_books"):
        yield "accountant", f"/invoices/{public_id}/", "invoice-on-hold"
        yield "accountant", f"/settings/accounting/bills/{public_id}/duplicate/", "duplicate"
    for kind, project_id, procore_id in product.rows(LATE):
        yield "admin", f"/procore/why/?kind={kind}&project={project_id}&id={procore_id}", "why-not"
        yield "viewer", f"/procore/why/?kind={kind}&project={project_id}&id={procore_id}"
    for (vendor,) in product.rows(SEVERAL):
        yield "admin", f"/procore/why/?q={quote(vendor)}", "why-several"
    for public_id, state in product.rows(DIFFERENT):
        yield "accountant", f"/invoices/{public_id}/", f"invoice-{state}"
        yield "viewer", f"/invoices/{public_id}/"


def _checked(product: Product) -> Iterator[tuple[str, str] | tuple[str, str, str]]:
    for month, name in zip(scene.months_checked(product), ("-differs", "-ties-out", "-waits"), strict=True):
        yield "accountant", f"/procore/completeness/?month={month}", f"completeness{name}"
        yield "viewer", f"/procore/completeness/?month={month}"
    yield "outsider", "/procore/completeness/"


def _own(product: Product) -> Iterator[tuple[str, str] | tuple[str, str, str]]:
    """inBuild's own: the inbox empty and full, invoices that wait, are rejected and are above a limit, the limits."""
    yield "viewer", "/invoices/inbox/", "inbox-empty"
    made = scene.dropped(product)
    yield "accountant", "/invoices/inbox/", "inbox"
    yield "accountant", "/settings/approvals/", "settings-approvals-accountant"
    yield "accountant", f"/invoices/{made['waiting']}/", "invoice-above-limit"
    yield "accountant", f"/invoices/{made['rejected']}/", "invoice-rejected"
    yield "viewer", "/invoices/inbox/"
    yield "viewer", "/settings/approvals/"
    for state in ("waiting", "rejected"):
        yield "viewer", f"/invoices/{made[state]}/"
    yield "accountant", f"/invoices/new/?from={made['read']}", "invoice-from-pdf"
    yield "accountant", f"/invoices/new/?from={made['scan']}", "invoice-from-scan"
    yield "accountant", f"/invoices/{made['rejected']}/edit/", "invoice-edit"
    yield "accountant", "/invoices/?approval=waiting", "invoices-to-approve"
    yield "admin", "/settings/approvals/", "settings-approvals"
    scene.taken_out(product)


def _people(product: Product) -> Iterator[tuple[str, str] | tuple[str, str, str]]:
    scene.not_mailed(product)
    yield "admin", "/notifications/", "notifications"
    yield "admin", "/settings/notifications/", "settings-notifications"
    yield "viewer", "/notifications/"
    yield "viewer", "/settings/notifications/"
    yield "outsider", "/notifications/", "notifications-none"
    scene.invited(product)
    yield "admin", "/settings/members/", "members"
    for role in ("accountant", "viewer"):
        yield role, "/settings/members/"
    yield "admin", "/sessions/", "sessions"
    yield "admin", "/how-it-works/", "how-it-works"
    yield "viewer", "/status/", "status"
    yield "outsider", "/status/"
    for address, name in (
        ("2fa/", "two-factor"),
        ("2fa/totp/activate/", "two-factor-activate"),
        ("password/change/", "password-change"),
        ("reauthenticate/", "reauthenticate"),
        ("logout/", "sign-out"),
        ("email/", ""),
    ):
        yield "viewer", f"/accounts/{address}", name
    yield "viewer", f"/invitations/{scene.TOKEN}/"
    # The bell with something new: it was looked at by none of them.
    yield "accountant", "/invoices/"


# --- a company on QuickBooks Desktop, beside the others, as sessions of a PC would have left it ---------------------

FILES = (
    "from tests.support import company_files as files; import json; "
    "print(json.dumps([files.PASSWORD, files.company_with_files()]))"
)


def desktop_pages(product: Product) -> Iterator[Row]:
    told = product.manage("shell", "--verbosity", "0", "-c", FILES).splitlines()[-1]
    password: str
    shown: dict[str, str]
    password, shown = json.loads(told)
    for role in ("admin", "viewer"):
        email = f"{role}@harborview.example"
        product.sign_ins[f"files-{role}"] = SignIn(email, password, "Harborview Contracting", role)
    for name, address in shown.items():
        yield Row("files-admin", address, f"desktop-{name.replace('_', '-')}")
    for name in ("main", "fresh", "projects", "set_up", "sessions", "setup"):
        yield Row("files-viewer", shown[name])
