"""Reads an address that a person pasted: a page of Procore, of QuickBooks Online, or of inBuild. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from procore_sync.records import DIRECT_COST, SUBCONTRACTOR_INVOICE

LONGEST = 1000
_ID = r"([1-9]\d{0,17})"
_COMMITMENT = rf"commitments/(?:work_order_contracts|purchase_order_contracts)/{_ID}"
_NEW = rf"/webclients/host/companies/{_ID}/projects/{_ID}/tools"

# Procore: side panel view keys, commitments.requisitions.detail; the newer screens name the company as well.
_CLASSIC_INVOICE = re.compile(rf"/{_ID}/project/(?:contracts/)?{_COMMITMENT}/requisitions/{_ID}(?:/.*)?")
_CLASSIC_COMMITMENT = re.compile(rf"/{_ID}/project/(?:contracts/)?{_COMMITMENT}(?:/.*)?")
_NEW_INVOICE = re.compile(rf"{_NEW}/contracts/{_COMMITMENT}/(?:invoices|requisitions)/{_ID}(?:/.*)?")
_NEW_COMMITMENT = re.compile(rf"{_NEW}/contracts/{_COMMITMENT}(?:/.*)?")
_CLASSIC_COST = re.compile(rf"/{_ID}/project/direct_costs/{_ID}(?:/.*)?")
_NEW_COST = re.compile(rf"{_NEW}/direct[-_]costs?/(?:.*/)?{_ID}(?:/[a-z]+)?")
_CLASSIC_PROJECT = re.compile(rf"/{_ID}/project(?:/.*)?")
_NEW_PROJECT = re.compile(rf"{_NEW}(?:/.*)?")
_INBUILD_INVOICE = re.compile(r"/invoices/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/.*)?", re.IGNORECASE)
_BILL = re.compile(r"(?:/app)?/bill")


@dataclass(frozen=True, slots=True)
class ProcorePage:
    """A page of Procore: of one invoice where `procore_id` is known, else of a commitment, else of a project.

    `environment` is the name in settings, `company_id` only stands in the addresses of the newer screens.
    """

    environment: str
    project_id: int | None = None
    company_id: int | None = None
    commitment_id: int | None = None
    kind: str = ""
    procore_id: int | None = None


@dataclass(frozen=True, slots=True)
class InbuildInvoice:
    public_id: UUID


@dataclass(frozen=True, slots=True)
class QuickBooksBill:
    external_id: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """An address, but of none of the three, or of a page that is not about one invoice."""

    host: str


Page = ProcorePage | InbuildInvoice | QuickBooksBill | Foreign


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pages are: each Procore environment's address, inBuild's own, and QuickBooks Online's."""

    procore: Mapping[str, str]
    inbuild: str
    quickbooks: str


def read(text: str, places: Places) -> Page | None:
    """What an address is of; None for words that are no address."""
    address = _address(text)
    if address is None:
        return None
    host, path, query = address
    if host == _host(places.inbuild) and (found := _INBUILD_INVOICE.fullmatch(path)):
        return InbuildInvoice(UUID(found[1]))
    if (host == _host(places.quickbooks) or host.endswith(".intuit.com")) and _BILL.fullmatch(path.rstrip("/")):
        asked = parse_qs(query).get("txnId", [""])[0]
        return QuickBooksBill(asked) if re.fullmatch(r"\d{1,18}", asked, re.ASCII) else Foreign(host)
    environment = _environment(host, places.procore)
    return _procore(environment, path.rstrip("/")) if environment else Foreign(host)


def _address(text: str) -> tuple[str, str, str] | None:
    """Host, path and query. Without `https://` only what has a host with a dot and a path counts."""
    text = text.strip()
    if len(text) > LONGEST or re.search(r"\s", text):
        return None
    if not re.match(r"https?://", text, re.IGNORECASE):
        if not re.match(r"([\w-]+\.)+[a-z]{2,}(:\d+)?/", text, re.ASCII | re.IGNORECASE):
            return None
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        return parts.netloc.rpartition("@")[2].lower(), parts.path, parts.query
    except ValueError:
        return None


def _host(address: str) -> str:
    return urlsplit(address).netloc.lower()


def _environment(host: str, addresses: Mapping[str, str]) -> str:
    """The environment of a host. Companies in other zones live on hosts beside app.procore.com, such as us02."""
    known = {_host(address): name for name, address in addresses.items()}
    if host in known:
        return known[host]
    zone = re.fullmatch(r"[a-z]{2}\d{2}\.(.+)", host)
    return known.get(f"app.{zone[1]}", "") if zone else ""


def _procore(environment: str, path: str) -> ProcorePage:
    if found := _CLASSIC_INVOICE.fullmatch(path):
        project, commitment, invoice = map(int, found.groups())
        return ProcorePage(environment, project, None, commitment, SUBCONTRACTOR_INVOICE, invoice)
    if found := _NEW_INVOICE.fullmatch(path):
        company, project, commitment, invoice = map(int, found.groups())
        return ProcorePage(environment, project, company, commitment, SUBCONTRACTOR_INVOICE, invoice)
    if found := _NEW_COMMITMENT.fullmatch(path):
        company, project, commitment = map(int, found.groups())
        return ProcorePage(environment, project, company, commitment)
    if found := _CLASSIC_COMMITMENT.fullmatch(path):
        project, commitment = map(int, found.groups())
        return ProcorePage(environment, project, None, commitment)
    if found := _NEW_COST.fullmatch(path):
        company, project, cost = map(int, found.groups())
        return ProcorePage(environment, project, company, None, DIRECT_COST, cost)
    if found := _CLASSIC_COST.fullmatch(path):
        project, cost = map(int, found.groups())
        return ProcorePage(environment, project, None, None, DIRECT_COST, cost)
    if found := _NEW_PROJECT.fullmatch(path):
        company, project = map(int, found.groups())
        return ProcorePage(environment, project, company)
    if found := _CLASSIC_PROJECT.fullmatch(path):
        return ProcorePage(environment, int(found[1]))
    return ProcorePage(environment)
