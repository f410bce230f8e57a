"""Procore's REST API, one function per call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from companies import auditing
from inbuild import http
from inbuild.pacing import PATIENCE_SECONDS, HeaderPacer, Wait
from procore_sync.models import ProcoreIntegration

DEADLINE_SECONDS = 30.0
EARLY = timedelta(minutes=5)
PER_PAGE = 100
STEADY_READS = 3
PATIENCE_BETWEEN_CALLS = 10.0
USED_UP = "inBuild has used what Procore allows for now. It goes on by itself."
FAR_AWAY = "2100-01-01T00:00:00Z"


class ProcoreError(Exception):
    """Procore did not give what was asked for. The text is a sentence for the person who must act."""


class NotFound(ProcoreError):
    """It does not exist, or our service account may not see it: Procore answers both with 404."""


class Forbidden(ProcoreError):
    """Permission is missing; the token is fine and must not be thrown away. Procore: troubleshooting."""


class Refused(ProcoreError):
    """Procore refused the request itself (400, 409, 422)."""


class SignInRefused(ProcoreError):
    """The service account's id or secret is wrong, or the app is not installed in this company."""


class Unclear(ProcoreError):
    """Something was sent to be made, and no usable answer came: it may be there or not, and only a look can tell."""


class Unavailable(ProcoreError):
    """No usable answer now; `wait` says when to ask again."""

    def __init__(self, words: str, wait: timedelta = timedelta(seconds=15), *, is_pacing: bool = False) -> None:
        super().__init__(words)
        self.wait = wait
        self.is_pacing = is_pacing


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
    """The API as one company's service account sees it.

    Every method raises one of the errors above. Procore: the header `Procore-Company-Id` is required on every call.
    """

    def __init__(self, integration: ProcoreIntegration, subject: str = "", *, urgent: bool = True) -> None:
        """`urgent` for webhooks and people: sweeps and backfills leave them a share of what Procore allows."""
        self._integration = integration
        self._urgent = urgent
        self._patience = PATIENCE_SECONDS
        self._hosts = settings.PROCORE_ENVIRONMENTS[integration.environment]
        recorder = auditing.call_recorder(integration.company_id, "procore", subject)
        self._session = http.session(recorder, deadline_seconds=DEADLINE_SECONDS)

    # --- reading -----------------------------------------------------------------------------------------------
    def me(self) -> Mapping[str, Any]:
        return self._object(self._get("/rest/v1.0/me"))

    def companies(self) -> list[Mapping[str, Any]]:
        return self._pages("/rest/v1.0/companies")

    def projects(self) -> list[Mapping[str, Any]]:
        return self._pages("/rest/v1.0/projects", company_id=self._integration.procore_company_id)

    def project(self, project_id: int) -> Mapping[str, Any]:
        company_id = self._integration.procore_company_id
        return self._object(self._get(f"/rest/v1.0/projects/{project_id}", company_id=company_id))

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
        """Make one. Procore knows no idempotency key, so this is never repeated by itself, not even after a 401.

        Raises Unclear where it may have been made, and any other error only where it certainly was not.
        """
        path, token = "/rest/v1.1/requisitions", self._token()
        try:
            response = self._once("POST", path, token, json=body, params={"view": "extended"})
        except Unavailable as exc:
            if isinstance(exc.__cause__, http.NoAnswer):
                raise Unclear(f"Procore did not confirm: {exc.__cause__}.") from exc
            raise
        status = response.status_code
        if status == 401:
            self._new_token()
            raise Unavailable("Procore asked inBuild to sign in again. It goes on by itself.")
        if status == 403:
            said = _words(response)
            raise Forbidden(f"Procore does not let inBuild create invoices in this project.{said}")
        if status in (400, 404, 409, 422, 429):
            _raise_for(response)
        if not 200 <= status < 300:
            raise Unclear(f"Procore answered with an error ({status}).")
        try:
            return self._object(self._answer(response))
        except Unavailable as exc:
            raise Unclear("Procore's answer could not be read.") from exc

    # --- webhooks ------------------------------------------------------------------------------------------------
    def hooks(self, project_id: int, namespace: str) -> list[Mapping[str, Any]]:
        return self._pages(self._webhooks(project_id, "hooks"), namespace=namespace)

    def webhook_resources(self, project_id: int, payload_version: str) -> list[Mapping[str, Any]]:
        return self._pages(self._webhooks(project_id, "resources"), payload_version=payload_version)

    def create_hook(self, project_id: int, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._object(self._send("POST", self._webhooks(project_id, "hooks"), body))

    def update_hook(self, project_id: int, hook_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._object(self._send("PATCH", self._webhooks(project_id, f"hooks/{hook_id}"), body))

    def triggers(self, project_id: int, hook_id: str) -> list[Mapping[str, Any]]:
        return self._pages(self._webhooks(project_id, f"hooks/{hook_id}/triggers"))

    def create_trigger(self, project_id: int, hook_id: str, body: Mapping[str, Any]) -> None:
        self._send("POST", self._webhooks(project_id, f"hooks/{hook_id}/triggers"), body)

    def _webhooks(self, project_id: int, rest: str) -> str:
        company_id = self._integration.procore_company_id
        return f"/rest/v2.0/companies/{company_id}/projects/{project_id}/webhooks/{rest}"

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
        response = self._once(method, path, self._token(), **kwargs)
        if response.status_code == 401:
            response = self._once(method, path, self._new_token(), **kwargs)
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
        _raise_for(response)
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

    # --- sign-in -------------------------------------------------------------------------------------------------
    def _token(self) -> str:
        if self._integration.pk is None:  # a trial: nothing of it is stored
            return self._integration.access_token or self._new_token()
        row = ProcoreIntegration.objects.filter(pk=self._integration.pk, access_expires_at__gt=Now() + EARLY).first()
        return row.access_token if row and row.access_token else self._new_token()

    def _new_token(self) -> str:
        """Client credentials never rotate, so two workers fetching at once do no harm. Procore: 5400 s, no refresh."""
        body = {
            "grant_type": "client_credentials",
            "client_id": self._integration.client_id,
            "client_secret": self._integration.client_secret,
        }
        try:
            response = self._session.post(self._hosts["login"] + "/oauth/token", json=body)
        except http.OutsideError as exc:
            raise Unavailable("Procore's sign-in cannot be reached. inBuild tries again by itself.") from exc
        if response.status_code in (400, 401, 403):
            raise SignInRefused("Procore does not accept this client id and secret.")
        answer = self._answer(response)
        token, lifetime = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not isinstance(lifetime, int):
            raise Unavailable("Procore's sign-in gave no token. inBuild tries again by itself.")
        self._integration.access_token = token
        self._integration.access_expires_at = Now() + timedelta(seconds=lifetime)
        if self._integration.pk:
            self._integration.save(update_fields=["access_token", "access_expires_at"])
        return token


def _changed_since(since: datetime) -> str:
    """Procore: date filters are ranges and need both ends."""
    return f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}...{FAR_AWAY}"


def _raise_for(response: http.Response) -> None:
    status = response.status_code
    if status < 300:
        return
    said = _words(response)
    if status == 401:
        raise SignInRefused("Procore does not accept inBuild's sign-in for this company any more.")
    if status == 403:
        raise Forbidden(
            "Procore does not let inBuild read this. Add the project to the app's permitted projects in Procore, then "
            f"check again.{said}"
        )
    if status == 404:
        raise NotFound("Procore does not show this record to inBuild.")
    if status in (429, 503):
        raise Unavailable("Procore asked inBuild to slow down. It goes on by itself.", _pause(response))
    if status in (400, 409, 422):
        raise Refused(f"Procore refused the request.{said}")
    raise Unavailable(f"Procore answered with an error ({status}). inBuild tries again by itself.")


def _pause(response: http.Response) -> timedelta:
    after = response.headers.get("Retry-After", "")
    return timedelta(seconds=min(3600, int(after)) if after.isdecimal() else 10)


def _words(response: http.Response) -> str:
    """Procore's own words: its errors have several shapes. Procore: error reference."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return ""
    found = (body.get("message") or body.get("errors") or body.get("error")) if isinstance(body, dict) else None
    if isinstance(found, dict):
        found = found.get("message") or "; ".join(f"{key}: {value}" for key, value in found.items())
    return f" Procore says: {str(found)[:200]}" if found else ""
