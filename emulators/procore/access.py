"""Who may call: bearer token, company header, permitted projects; the rate limit; and the shapes of errors.

Procore: the header Procore-Company-Id is needed on every call; me and companies need it only with a service account
(reference 4.1); a project that was not permitted answers 403, an unknown record 404 (reference 4.3, 5).
"""

from __future__ import annotations

import json
import time
from typing import Any

from flask import Flask, Response, g, jsonify, request

from emulators.procore.emulation import Emulation
from emulators.procore.invoicing import Actor
from emulators.procore.oauth import valid_token

_CODES = {400: "BAD_REQUEST", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND", 422: "UNPROCESSABLE_ENTITY"}
_WITHOUT_HEADER = ("/rest/v1.0/me", "/rest/v1.0/companies")
# Procore: attachment addresses need the token only; a browser or downloader follows them (reference 5).
_TOKEN_ONLY = ("/rest/v1.0/prostore_files/",)


class ApiError(Exception):
    """An answer other than success, in the shape of the API version that was called."""

    def __init__(self, status: int, message: str, *, field: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.headers = headers or {}

    def response(self) -> Response:
        answer = jsonify(self._body())
        answer.status_code = self.status
        answer.headers.update(self.headers)
        return answer

    def _body(self) -> dict[str, Any]:
        if request.path.startswith("/rest/v2"):
            detail = {"reason_code": _CODES.get(self.status, "ERROR"), "message": self.message, "source": self.field}
            return {
                "error": {
                    "code": _CODES.get(self.status, "ERROR"),
                    "message": self.message,
                    "details": [detail] if self.field else [],
                }
            }
        if self.status == 401:
            return {"code": 401, "message": self.message, "fields": "", "reason": self.message, "error": self.message}
        if self.status == 422:
            return {"errors": {self.field or "base": [self.message]}}
        if self.status == 404:
            return {"errors": self.message}
        return {"message": self.message, "errors": self.message}


def install_access(app: Flask, emulation: Emulation) -> None:
    """Check every /rest/ call before its handler, and finish every answer."""

    @app.before_request
    def check() -> None:
        g.begun = time.perf_counter()
        g.allowance = None
        if request.path.startswith("/rest/"):
            _check(emulation)

    @app.after_request
    def finish(answer: Response) -> Response:
        if request.path.startswith(("/rest/", "/oauth/token")):
            allowance = g.get("allowance") or emulation.rates.count(request.remote_addr or "")
            answer.headers.update(allowance.headers())
            _record(emulation, answer)
        return answer

    @app.errorhandler(ApiError)
    def tell(error: ApiError) -> Response:
        return error.response()


def _check(emulation: Emulation) -> None:
    token = valid_token(emulation, request.headers.get("Authorization", ""))
    client_id = "" if token is None else str(token["client_id"])
    company = request.headers.get("Procore-Company-Id", "").strip()
    g.allowance = emulation.rates.count(client_id or (request.remote_addr or ""), company)
    if g.allowance.exceeded:
        told = {"Retry-After": str(g.allowance.retry_after)} if emulation.switches["retry_after_on_429"] else {}
        raise ApiError(429, "You have surpassed the maximum number of requests", headers=told)
    if token is None:
        raise ApiError(401, "Unauthorized")
    g.token = token
    g.client = emulation.ledger.one("SELECT * FROM client WHERE client_id = ?", (client_id,))
    if request.path.startswith(_TOKEN_ONLY):
        return
    service = token["grant_type"] == "client_credentials"
    if not company:
        if request.path in _WITHOUT_HEADER and not service:
            g.company_id = None
            return
        raise ApiError(int(emulation.switches["missing_company_header_status"]), "Missing Procore-Company-Id header")
    g.company_id = connected_company(emulation, company)
    if "/webhooks/" in request.path and not emulation.switches["webhooks_api_permitted"]:
        raise ApiError(403, "You do not have permission to use the Webhooks API")
    path_company = (request.view_args or {}).get("company_id")
    if path_company is not None and str(path_company) != str(g.company_id):
        raise ApiError(404, "Not Found")


def connected_company(emulation: Emulation, company: str) -> int:
    """The company as a number, if the application of the caller is connected to it."""
    known = [str(company_id) for company_id in json.loads(g.client["companies"])]
    if company not in known:
        raise ApiError(int(emulation.switches["not_connected_status"]), "App is not connected to this company")
    return int(company)


def company_parameter(emulation: Emulation) -> int:
    """The company_id of the query, which the header does not replace (reference 4.1)."""
    value = request.args.get("company_id", "")
    if not value:
        raise ApiError(400, "param is missing or the value is empty: company_id", field="company_id")
    company_id = connected_company(emulation, value)
    if company_id != g.company_id:
        raise ApiError(403, "You are not permitted to access this company")
    return company_id


def project_parameter(emulation: Emulation, value: object = None) -> int:
    """The project of the query, path or body: there, of the caller's company, and permitted."""
    text = str(request.args.get("project_id", "") if value is None else value)
    if not text:
        raise ApiError(400, "param is missing or the value is empty: project_id", field="project_id")
    owner = emulation.storage.company_of("project", text) if text.isdigit() else None
    if owner is None or owner != g.company_id:
        raise ApiError(404, "Not Found")
    permitted = permitted_projects(emulation)
    if permitted is not None and int(text) not in permitted:
        raise ApiError(403, "You are not permitted to access this project")
    return int(text)


def permitted_projects(emulation: Emulation) -> list[int] | None:
    """Procore: the admin picks the projects a service account may touch; a person has their own. None: all."""
    if g.token["grant_type"] == "client_credentials":
        value: list[int] | None = json.loads(g.client["permitted_projects"])
    else:
        value = emulation.storage.need("user", g.token["user_id"]).get("permitted_projects")
    return value


def caller(emulation: Emulation) -> Actor:
    """The user a write is made as."""
    if emulation.switches["api_create_user_is_service_account"] or g.token["grant_type"] != "client_credentials":
        return Actor(int(g.token["user_id"]), str(g.token["client_id"]))
    person = next(u for u in emulation.storage.every("user", company_id=g.company_id) if u.get("kind") == "staff")
    return Actor(int(person["id"]), str(g.token["client_id"]))


def json_body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ApiError(400, "The body is not a JSON object")
    return body


def _record(emulation: Emulation, answer: Response) -> None:
    if not emulation.switches["record_api_calls"]:
        return
    rule = str(request.url_rule or request.path)
    emulation.ledger.append(
        "api_call",
        rule,
        {
            "method": request.method,
            "path": request.full_path.rstrip("?"),
            "status": answer.status_code,
            "company": request.headers.get("Procore-Company-Id", ""),
            "client": str(g.token["client_id"]) if "token" in g else "",
            "ms": round((time.perf_counter() - g.begun) * 1000, 1),
        },
    )
