"""Connects a company of the demo to the emulators through inBuild's own pages, as its admin would."""

from __future__ import annotations

import time
from dataclasses import dataclass

from launcher import desktop
from launcher.browser import Browser, WalkFailed

__all__ = ["Addresses", "SignIn", "WalkFailed", "connect_everything", "signed_in", "switch_on"]

SETTINGS_PROCORE = "/settings/procore/"
SETTINGS_ACCOUNTING = "/settings/accounting/"


TEST_SECONDS = 60.0


@dataclass(frozen=True)
class Outside:
    """A company as the emulators are seeded with it. The secrets are known to everybody and open only the emulators."""

    procore_company_id: str
    client_id: str
    client_secret: str
    realm: str
    file: str
    """Its company file on the PC with QuickBooks Desktop."""


NORTHGATE = Outside("562949953421312", "demo-procore-client", "demo-procore-secret", "9130350000000001", "northgate")
RIDGELINE = Outside(
    "562949953421399", "demo-procore-client-2", "demo-procore-secret-2", "9130350000000002", "ridgeline"
)


@dataclass(frozen=True)
class SignIn:
    email: str
    password: str
    company: str
    role: str

    @property
    def is_admin(self) -> bool:
        return "admin" in self.role.lower()


@dataclass(frozen=True)
class Addresses:
    product: str
    procore: str
    intuit: str
    ports: dict[str, int]
    desktop: str = ""

    @classmethod
    def beside(cls, port: int) -> Addresses:
        ports = {"inBuild": port, "Procore": port + 1, "QuickBooks": port + 2, "QuickBooks Desktop": port + 3}
        product, procore, intuit, desktop = (f"http://127.0.0.1:{number}" for number in ports.values())
        return cls(product, procore, intuit, ports, desktop)


def connect_everything(
    addresses: Addresses, admin: SignIn, outside: Outside = NORTHGATE, *, on_desktop: bool = False
) -> str:
    """Procore, QuickBooks Online or Desktop, accounts; what is done already stays. Returns one line about it."""
    person = signed_in(addresses, admin)
    done = [_connect_procore(person, outside)]
    if on_desktop:
        done.append(desktop.connect(person, addresses.desktop, name=admin.company, file=outside.file))
    else:
        done.append(_connect_quickbooks(person, outside))
    done.append(_choose_accounts(person))
    made = [each for each in done if each]
    return f"{admin.company}: {', '.join(made)}." if made else f"{admin.company} is connected already."


def signed_in(addresses: Addresses, who: SignIn) -> Browser:
    person = Browser(addresses.product)
    person.open("/accounts/login/")
    form = person.form("/accounts/login/") or next((each for each in person.forms if "login" in each.values), None)
    if form is None:
        raise WalkFailed("The sign-in page shows no form.")
    person.send(form, {"login": who.email, "password": who.password})
    if "/accounts/login" in person.url:
        raise WalkFailed(f"{who.email} could not sign in:\n{person.text}")
    return person


def _connect_procore(person: Browser, outside: Outside) -> str:
    person.open(SETTINGS_PROCORE)
    if person.form(f"{SETTINGS_PROCORE}disconnect/"):
        _test_connection(person)
        return ""
    form = person.form(f"{SETTINGS_PROCORE}connect/")
    if form is None:
        raise WalkFailed("Settings → Procore shows no Connection form.")
    person.send(
        form,
        {
            "environment": "custom",
            "procore_company_id": outside.procore_company_id,
            "client_id": outside.client_id,
            "client_secret": outside.client_secret,
        },
    )
    if not person.form(f"{SETTINGS_PROCORE}disconnect/"):
        raise WalkFailed(f"Settings → Procore does not say that it is connected:\n{person.text}")
    _await_test(person)
    return "connected to Procore"


def _test_connection(person: Browser) -> None:
    """*Test connection* also makes webhooks that are missing; without one nothing would ever arrive by itself."""
    form = person.form(f"{SETTINGS_PROCORE}check/")
    if form is None:
        raise WalkFailed("Settings → Procore shows no Test connection button.")
    person.send(form, {})
    _await_test(person)


def _await_test(person: Browser) -> None:
    """The test goes on in the background; the page says when it is over."""
    deadline = time.monotonic() + TEST_SECONDS
    while "inBuild is testing the connection" in person.text and time.monotonic() < deadline:
        time.sleep(0.2)
        person.open(SETTINGS_PROCORE)
    if "every project has its webhook" not in person.text:
        raise WalkFailed(f"The connection to Procore does not work:\n{person.text}")


def _connect_quickbooks(person: Browser, outside: Outside) -> str:
    person.open(SETTINGS_ACCOUNTING)
    if person.form(f"{SETTINGS_ACCOUNTING}qbo/", "/disconnect/"):
        return ""
    reconnect_quickbooks(person, outside)
    return "connected to QuickBooks"


def reconnect_quickbooks(person: Browser, outside: Outside = NORTHGATE) -> None:
    """Connect, or Reconnect, up to the page that says so."""
    person.open(SETTINGS_ACCOUNTING)
    form = person.form(f"{SETTINGS_ACCOUNTING}qbo/connect/")
    if form is None:
        raise WalkFailed("Settings → Accounting Integrations shows no Connect button.")
    # inBuild sends us to Intuit, which asks which company; its Connect button leads back.
    person.send(form, {})
    consent = person.form("/connect/oauth2")
    if consent is None:
        raise WalkFailed(f"QuickBooks did not ask for consent; this page came instead:\n{person.text}")
    person.send(consent, {"realm": outside.realm, "decision": "connect"})
    if not person.form(f"{SETTINGS_ACCOUNTING}qbo/", "/disconnect/"):
        raise WalkFailed(f"Settings → Accounting Integrations does not say that it is connected:\n{person.text}")


def _choose_accounts(person: Browser) -> str:
    """Through the Setup Wizard, step by step, wherever it was left."""
    person.open(SETTINGS_ACCOUNTING)
    if "Setup Required" not in person.text:
        return ""
    person.open(f"{SETTINGS_ACCOUNTING}setup/")
    for _ in range(20):
        form = person.form(f"{SETTINGS_ACCOUNTING}setup/")
        if form is None:
            raise WalkFailed(f"The Setup Wizard shows no form:\n{person.text}")
        chosen: dict[str, str] = {}
        if "ap_account" in form.values:
            chosen["ap_account"] = form.choose("ap_account", "Accounts Payable")
        if "expense_account" in form.values:
            chosen["expense_account"] = form.choose("expense_account", "Job Costs - Subcontractors", "Job Costs")
        if "retainage_account" in form.values:
            chosen["retainage_account"] = form.choose("retainage_account", "Retention Payable", "Retainage")
        if form.action.endswith("/vendors/"):
            chosen["creates_vendors"] = "on"
        person.send(form, chosen)
        if form.action.endswith("/finish/"):
            return "accounts chosen"
    raise WalkFailed("The Setup Wizard has no end.")


def switch_on(person: Browser) -> bool:
    """Settings → Procore → QuickBooks Sync. False if it was on already."""
    person.open(SETTINGS_PROCORE)
    form = person.form(f"{SETTINGS_PROCORE}switch/")
    if form is None:
        raise WalkFailed("Settings → Procore shows no switch: is QuickBooks connected?")
    if form.switched_on:
        return False
    person.send(form, {"switch": "on"})
    after = person.form(f"{SETTINGS_PROCORE}switch/")
    if after is None or not after.switched_on:
        raise WalkFailed(f"The switch did not go on:\n{person.text}")
    return True
