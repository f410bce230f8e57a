"""Procore's REST API, one function per call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from companies import auditing
from inbuild import downloading, http
from inbuild.pacing import PATIENCE_SECONDS, HeaderPacer, Wait
from procore_sync import refusals, tokens
from procore_sync.models import ProcoreIntegration
from procore_sync.refusals import Forbidden, NotFound, ProcoreError, Refused, SignInRefused, Unavailable, Unclear

DEADLINE_SECONDS = 30.0
PER_PAGE = 100
STEADY_READS = 3
PATIENCE_BETWEEN_CALLS = 10.0
USED_UP = "inBuild has used what Procore allows for now. It goes on by itself."
FAR_AWAY = "2100-01-01T00:00:00Z"


__all__ = [
    "Forbidden",
    "Listed",
    "NotFound",
    "Procore",
    "ProcoreError",
    "Refused",
    "SignInRefused",
    "Unavailable",
    "Unclear",
    "pacer",
]


@dataclass(frozen=True, slots=True)
class Listed:
    """A whole list. Where it is not complete, a row that is missing from it may well be there."""

    rows: list[Mapping[str, Any]]
    is_complete: bool


def pacer(integration: ProcoreIntegration, *, urgent: bool) -> HeaderPacer:
    """What Procore allows one company, shared by all workers. Procore: rate limiting, told by the headers."""
    key = f"procore:{integration.environment}:{integration.procore_company_id}"
    return HeaderPacer(key, urgent=urgent, hold_seconds=DEADLINE_SECONDS + 10)


class Procore:
    """The API as one company's service account, or the person who connected it, sees it.

    Every method raises one of the errors above. Procore: the header `Procore-Company-Id` is required on every call.
    """

    def __init__(self, integration: ProcoreIntegration, subject: str = "", *, urgent: bool = True) -> None:
        """`urgent` for webhooks and people: sweeps and backfills leave them a share of what Procore allows."""
        self._integration = integration
        self._urgent = urgent
        self._patience = PATIENCE_SECONDS
        self._hosts = settings.PROCORE_ENVIRONMENTS[integration.environment]
        self._recorder = auditing.call_recorder(integration.company_id, "procore", subject)
        self._session = http.session(self._recorder, deadline_seconds=DEADLINE_SECONDS)

    # --- reading -----------------------------------------------------------------------------------------------
    def me(self) -> Mapping[str, Any]:
        """Whom Procore takes us for. Procore: some companies show the name only when the company is named."""
        return self._object(self._get("/rest/v1.0/me", company_id=self._integration.procore_company_id))

    def companies(self) -> list[Mapping[str, Any]]:
        return self._pages("/rest/v1.0/companies")

    def projects(self) -> list[Mapping[str, Any]]:
        """The active ones. Procore: a service account sees only those that were permitted to it."""
        company_id = self._integration.procore_company_id
        return self._pages("/rest/v1.0/projects", company_id=company_id, **{"filters[by_status]": "Active"})

    def project(self, project_id: int) -> Mapping[str, Any]:
        company_id = self._integration.procore_company_id
        return self._object(self._get(f"/rest/v1.0/projects/{project_id}", company_id=company_id))

    def vendors(self, ids: Sequence[int]) -> list[Mapping[str, Any]]:
        """Those of the company's directory with these ids."""
        filters = {"company_id": self._integration.procore_company_id, "filters[id][]": list(ids)}
        return self._pages("/rest/v1.0/vendors", **filters)

    def try_reading_invoices(self, project_id: int) -> None:
        """Raises Forbidden where invoices of this project may not be read."""
        self._list(self._get("/rest/v1.1/requisitions", project_id=project_id, per_page=1))

    def subcontractor_invoice(self, project_id: int, procore_id: int) -> Mapping[str, Any]:
        path = f"/rest/v1.1/requisitions/{procore_id}"
        return self._object(self._get(path, project_id=project_id, view="extended"))

    def changed_since(self, project_id: int, since: datetime) -> list[Mapping[str, Any]]:
        """Subcontractor invoices changed at or after `since`."""
        return self._pages(
            "/rest/v1.1/requisitions", project_id=project_id, **{"filters[updated_at]": _changed_since(since)}
        )

    def all_subcontractor_invoices(self, project_id: int) -> Listed:
        return self._steady_pages("/rest/v1.1/requisitions", project_id=project_id, view="extended")

    def direct_costs_numbered(self, project_id: int, number: str) -> list[Mapping[str, Any]]:
        path = f"/rest/v1.1/projects/{project_id}/direct_costs"
        return self._pages(path, **{"filters[invoice_number]": number})

    def direct_cost(self, project_id: int, procore_id: int) -> Mapping[str, Any]:
        return self._object(self._get(f"/rest/v1.1/projects/{project_id}/direct_costs/{procore_id}"))

    def direct_costs_changed_since(self, project_id: int, since: datetime) -> list[Mapping[str, Any]]:
        """Of any type and status: Procore has no filter for those."""
        return self._pages(
            f"/rest/v1.1/projects/{project_id}/direct_costs", **{"filters[updated_at]": _changed_since(since)}
        )

    def all_direct_costs(self, project_id: int) -> Listed:
        return self._steady_pages(f"/rest/v1.1/projects/{project_id}/direct_costs")

    def subcontractor_invoice_lines(self, project_id: int, procore_id: int) -> list[Mapping[str, Any]]:
        """The G703 lines with retainage history. Procore: the only call with previous materials retainage."""
        return self._list(self._get(f"/rest/v1.0/requisitions/{procore_id}/detail", project_id=project_id))

    def change_history(self, project_id: int, procore_id: int) -> list[Mapping[str, Any]]:
        """Who changed what, when: the only place an approval's time and person stand."""
        return self._list(self._get(f"/rest/v1.0/requisitions/{procore_id}/change_histories", project_id=project_id))

    # --- sending -------------------------------------------------------------------------------------------------
    def approved_commitments(self, project_id: int, tool: str) -> list[Mapping[str, Any]]:
        """`tool`: work_order_contracts or purchase_order_contracts."""
        return self._pages(f"/rest/v1.0/{tool}", project_id=project_id, **{"filters[status]": "Approved"})

    def commitment(self, project_id: int, tool: str, commitment_id: int) -> Mapping[str, Any]:
        """With its lines."""
        return self._object(self._get(f"/rest/v1.0/{tool}/{commitment_id}", project_id=project_id))

    def open_billing_periods(self, project_id: int) -> list[Mapping[str, Any]]:
        return self._pages(f"/rest/v1.0/projects/{project_id}/billing_periods", **{"filters[status]": "open"})

    def subcontractor_invoices_of(self, project_id: int, commitment_id: int) -> Listed:
        filters = {"filters[commitment_id]": commitment_id}
        return self._steady_pages("/rest/v1.1/requisitions", project_id=project_id, view="extended", **filters)

    def create_subcontractor_invoice(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        refused = "Procore does not let inBuild create invoices in this project."
        return self._create("/rest/v1.1/requisitions", body, refused, params={"view": "extended"})

    def contract_payments(self, project_id: int, commitment_id: int) -> Listed:
        return self._steady_pages("/rest/v1.0/contract_payments", project_id=project_id, contract_id=commitment_id)

    def create_contract_payment(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Procore: adding payments needs the Admin permission for Commitments."""
        refused = (
            "Procore does not let inBuild add payments in this project. Its Procore user needs the Admin permission "
            "for the Commitments tool."
        )
        return self._create("/rest/v1.0/contract_payments", body, refused)

    def delete_contract_payment(self, project_id: int, commitment_id: int, procore_id: int) -> None:
        path, whose = f"/rest/v1.0/contract_payments/{procore_id}", {"project_id": project_id}
        refusals.raise_for(self._request("DELETE", path, params={**whose, "contract_id": commitment_id}))

    def _create(self, path: str, body: Mapping[str, Any], refused: str, **more: Any) -> Mapping[str, Any]:
        """Make one. Procore knows no idempotency key, so this is never repeated by itself, not even after a 401.

        Raises Unclear where it may have been made, and any other error only where it certainly was not.
        """
        token = tokens.access_token(self._integration)
        try:
            response = self._once("POST", path, token, json=body, **more)
        except Unavailable as exc:
            if isinstance(exc.__cause__, http.NoAnswer):
                raise Unclear(f"Procore did not confirm: {exc.__cause__}.") from exc
            raise
        status = response.status_code
        if status == 401:
            tokens.after_refusal(self._integration, token)
            raise Unavailable("Procore asked inBuild to sign in again. It goes on by itself.")
        if status == 403:
            raise Forbidden(f"{refused}{refusals.words(response)}")
        if status in (400, 404, 409, 422, 429):
            refusals.raise_for(response)
        if not 200 <= status < 300:
            raise Unclear(f"Procore answered with an error ({status}).")
        try:
            return self._object(self._answer(response))
        except Unavailable as exc:
            raise Unclear("Procore's answer could not be read.") from exc

    # --- files ---------------------------------------------------------------------------------------------------
    def start_printing(self, project_id: int, procore_id: int) -> str:
        """Have a subcontractor invoice printed; the address that tells when it is done. Procore: without `polling` it
        would be sent by e-mail."""
        path = f"/rest/v1.0/requisitions/{procore_id}/single_pdf_compilers?polling=true&project_id={project_id}"
        job = self._object(self._send("POST", path, {"files": [{"type": "cover_sheet", "id": ""}]})).get("job_url")
        if not isinstance(job, str) or not job.startswith(self._hosts["api"] + "/"):
            raise Unavailable("Procore did not say where its print of the invoice will be.")
        return job

    def printed(self, job: str) -> str | None:
        """The link to a finished print; None while Procore is at it."""
        if not job.startswith(self._hosts["api"] + "/"):
            raise Refused("Procore's print of the invoice is not at Procore.")
        answer = self._object(self._get(job.removeprefix(self._hosts["api"])))
        result = answer.get("result")
        if isinstance(result, dict) and isinstance(result.get("url"), str):
            return str(result["url"])
        if str(answer.get("status", "")).lower() in ("failed", "error"):
            raise Refused("Procore could not print the invoice.")
        return None

    def download(self, url: str) -> downloading.File:
        """A file by the link Procore gave. Our token goes to Procore's API alone. Raises downloading.NotFetched."""
        hosts = {urlsplit(address).netloc for name, address in self._hosts.items() if name != "label"}
        custom = self._integration.environment == "custom"
        trusted = frozenset(hosts) if custom else frozenset()
        is_api = url.startswith(self._hosts["api"] + "/rest/")
        return downloading.fetch(
            url, self._recorder, token=tokens.access_token(self._integration) if is_api else "", trusted=trusted
        )

    # --- webhooks; `project_id` None means those of the company ------------------------------------------------
    def hooks(self, project_id: int | None, namespace: str) -> list[Mapping[str, Any]]:
        return self._pages(self._webhooks(project_id, "hooks"), namespace=namespace)

    def webhook_resources(self, project_id: int | None, payload_version: str) -> list[Mapping[str, Any]]:
        return self._pages(self._webhooks(project_id, "resources"), payload_version=payload_version)

    def create_hook(self, project_id: int | None, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._object(self._send("POST", self._webhooks(project_id, "hooks"), body))

    def update_hook(self, project_id: int | None, hook_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._object(self._send("PATCH", self._webhooks(project_id, f"hooks/{hook_id}"), body))

    def delete_hook(self, project_id: int | None, hook_id: str) -> None:
        refusals.raise_for(self._request("DELETE", self._webhooks(project_id, f"hooks/{hook_id}")))

    def triggers(self, project_id: int | None, hook_id: str) -> list[Mapping[str, Any]]:
        return self._pages(self._webhooks(project_id, f"hooks/{hook_id}/triggers"))

    def create_triggers(self, project_id: int | None, hook_id: str, body: Sequence[Mapping[str, Any]]) -> None:
        """All at once. Procore: 207 when it took only some of them."""
        response = self._request("POST", self._webhooks(project_id, f"hooks/{hook_id}/triggers/bulk"), json=body)
        refusals.raise_for(response)
        if response.status_code == 207:
            raise Refused("Procore took only some of the webhook's triggers. inBuild tries again by itself.")

    def discarded_deliveries(self, project_id: int | None, hook_id: str, since: date) -> list[Mapping[str, Any]]:
        """What Procore gave up delivering. Procore: after twelve hours of failures."""
        path = self._webhooks(project_id, f"hooks/{hook_id}/deliveries")
        return self._pages(path, **{"filter[status]": "discarded", "filter[start]": since.isoformat()})

    def _webhooks(self, project_id: int | None, rest: str) -> str:
        of_project = "" if project_id is None else f"/projects/{project_id}"
        return f"/rest/v2.0/companies/{self._integration.procore_company_id}{of_project}/webhooks/{rest}"

    # --- the wire ------------------------------------------------------------------------------------------------
    def _get(self, path: str, **params: Any) -> Any:
        return self._answer(self._request("GET", path, params=params))

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        return self._answer(self._request(method, path, json=body))

    def _pages(self, path: str, **params: Any) -> list[Mapping[str, Any]]:
        """All pages; the last one is the one without a `rel="next"` link. Procore: pagination."""
        rows: list[Mapping[str, Any]] = []
        page = 1
        while True:
            response = self._request("GET", path, params={**params, "page": page, "per_page": PER_PAGE})
            rows += self._list(self._answer(response))
            if "next" not in response.links:
                return rows
            page += 1

    def _steady_pages(self, path: str, **params: Any) -> Listed:
        """All rows of a list that may change while it is read: a row that moves to a page already read would be missed.

        Read again until the list stood still, a few times at most; `is_complete` says whether it ever did.
        """
        rows: dict[Any, Mapping[str, Any]] = {}
        for _ in range(STEADY_READS):
            found: dict[Any, Mapping[str, Any]] = {}
            totals, page, more = set(), 1, True
            while more:
                response = self._request("GET", path, params={**params, "page": page, "per_page": PER_PAGE})
                found |= {row.get("id"): row for row in self._list(self._answer(response))}
                totals.add(response.headers.get("Total"))
                more, page = "next" in response.links, page + 1
            rows |= found
            if totals == {str(len(found))}:
                return Listed(list(found.values()), is_complete=True)
        return Listed(list(rows.values()), is_complete=False)

    def _request(self, method: str, path: str, **kwargs: Any) -> http.Response:
        token = tokens.access_token(self._integration)
        response = self._once(method, path, token, **kwargs)
        if response.status_code == 401:
            response = self._once(method, path, tokens.after_refusal(self._integration, token), **kwargs)
        return response

    def _once(self, method: str, path: str, token: str, **kwargs: Any) -> http.Response:
        headers = {
            "Authorization": f"Bearer {token}",
            "Procore-Company-Id": str(self._integration.procore_company_id),
            "Accept": "application/json",
        }
        try:
            with pacer(self._integration, urgent=self._urgent).take(self._patience) as answered:
                response = self._session.request(method, self._hosts["api"] + path, headers=headers, **kwargs)
                answered(response.status_code, response.headers)
        except Wait as exc:
            raise Unavailable(USED_UP, exc.wait, is_pacing=True) from exc
        except http.OutsideError as exc:
            raise Unavailable("Procore cannot be reached. inBuild tries again by itself.") from exc
        # In the middle of work a place is waited for longer: beginning again would spend the first calls twice.
        self._patience = PATIENCE_BETWEEN_CALLS
        return response

    def _answer(self, response: http.Response) -> Any:
        refusals.raise_for(response)
        try:
            return json.loads(response.content, parse_float=Decimal)
        except (ValueError, RecursionError) as exc:
            raise Unavailable("Procore's answer could not be read. inBuild tries again by itself.") from exc

    @staticmethod
    def _list(answer: Any) -> list[Mapping[str, Any]]:
        rows = answer.get("data") if isinstance(answer, dict) else answer
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Unavailable("Procore's answer was not the expected list. inBuild tries again by itself.")
        return rows

    @staticmethod
    def _object(answer: Any) -> Mapping[str, Any]:
        found = answer.get("data", answer) if isinstance(answer, dict) else None
        if not isinstance(found, dict):
            raise Unavailable("Procore's answer was not the expected record. inBuild tries again by itself.")
        return found


def _changed_since(since: datetime) -> str:
    """Procore: date filters are ranges and need both ends."""
    return f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}...{FAR_AWAY}"
