"""The only module that imports Intuit's two libraries: their calls with our time limit, log row and faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import simplejson
from django.conf import settings
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError
from quickbooks.client import QuickBooks

from accounting.backends import NotSent
from inbuild import http, pacing
from qbo import faults

PAGE = 1000  # Intuit: query, MAXRESULTS at most 1000.
MINOR_VERSION = 75
PATIENCE_SECONDS = 3.0  # for a place among the calls of all workers, in the middle of work


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What the token endpoint gives; lifetimes in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int | None
    hard_expires_in: int | None = None


class GrantRefused(Exception):
    """Intuit refused the code or refresh token (`invalid_grant`): final, only a person can connect again."""


class SignInUnavailable(Exception):
    """The token endpoint gave no usable answer; nothing is known to have changed."""


class _Auth(http.Session, AuthClient):
    """Intuit's AuthClient with a time limit; it fetches the discovery document while it is being made."""

    def __init__(self, recorder: http.Recorder) -> None:
        self.recorder = recorder
        self.deadline_seconds = 20.0
        AuthClient.__init__(
            self,
            client_id=settings.QBO_CLIENT_ID,
            client_secret=settings.QBO_CLIENT_SECRET,
            redirect_uri=redirect_uri(),
            environment=settings.QBO_DISCOVERY_URL or settings.QBO_ENVIRONMENT,
        )
        # Intuit: the day no refreshing can go past is told only to who asks.
        self.headers["x-include-refresh-token-hard-expires-in"] = "true"


def redirect_uri() -> str:
    """The address that must stand, letter for letter, in the app's settings at Intuit."""
    return f"{settings.PUBLIC_URL}/settings/accounting/qbo/callback/"


def authorize_url(recorder: http.Recorder, state: str) -> str:
    """Where the browser goes to connect. Raises SignInUnavailable."""
    return cast(str, _auth(recorder).get_authorization_url([Scopes.ACCOUNTING], state_token=state))


def exchange_code(recorder: http.Recorder, code: str) -> TokenPair:
    """The first token pair. Raises GrantRefused or SignInUnavailable."""
    return _token_call(recorder, "get_bearer_token", code)


def refresh(recorder: http.Recorder, refresh_token: str) -> TokenPair:
    """A new pair; the old refresh token may be dead from now on. Raises GrantRefused or SignInUnavailable."""
    return _token_call(recorder, "refresh", refresh_token)


def revoke(recorder: http.Recorder, refresh_token: str) -> None:
    """Give the connection back. Raises SignInUnavailable."""
    try:
        _auth(recorder).revoke(refresh_token)
    except (AuthClientError, http.OutsideError) as exc:
        raise SignInUnavailable(type(exc).__name__) from exc


def _auth(recorder: http.Recorder) -> _Auth:
    try:
        return _Auth(recorder)
    except (AuthClientError, http.OutsideError, ValueError, KeyError) as exc:
        raise SignInUnavailable(f"Intuit's discovery document cannot be read ({type(exc).__name__})") from exc


def _token_call(recorder: http.Recorder, method: str, secret: str) -> TokenPair:
    client = _auth(recorder)
    try:
        getattr(client, method)(secret)
    except AuthClientError as exc:
        if exc.status_code in (400, 401) and b"invalid_grant" in (exc.content or b""):
            raise GrantRefused from exc
        raise SignInUnavailable(f"HTTP status {exc.status_code}") from exc
    except (http.OutsideError, ValueError, AttributeError, TypeError) as exc:
        raise SignInUnavailable(type(exc).__name__) from exc
    lifetime = _seconds(client.expires_in)
    if not client.access_token or not client.refresh_token or lifetime is None:
        raise SignInUnavailable("The answer held no tokens")
    refresh_lifetime = _seconds(client.x_refresh_token_expires_in)
    hard = _seconds(getattr(client, "x_refresh_token_hard_expires_in", None))
    return TokenPair(str(client.access_token), str(client.refresh_token), lifetime, refresh_lifetime, hard)


def _seconds(value: object) -> int | None:
    return int(str(value)) if str(value).isdecimal() and int(str(value)) > 0 else None


def pacer(realm: str) -> pacing.PacedWindow:
    """Intuit: limits and throttles, counted per company and shared by all workers."""
    return pacing.PacedWindow(
        f"qbo:{realm}",
        pause_seconds=settings.QBO_PAUSE_SECONDS,
        hold_seconds=settings.QBO_TIMEOUT_SECONDS + 10,
    )


class _Client(QuickBooks):
    """python-quickbooks with our session and pace, so that status, trace id and every error of a fault survive."""

    pacer: pacing.PacedWindow
    began: str = ""

    def process_request(
        self, request_type: str, url: str, headers: Any = None, params: Any = None, data: Any = None
    ) -> http.Response:
        request = super().process_request
        return self.paced(lambda: request(request_type, url, headers=headers or {}, params=params, data=data))

    def paced(self, send: Callable[[], Any]) -> http.Response:
        """One call in its turn. Raises Fault for an answer that is none, and NotSent where it must not leave now."""
        try:
            with self.pacer.take(patience=PATIENCE_SECONDS) as answered:
                response = cast(http.Response, send())
                body = _body(response)
                fault = faults.read(response.status_code, body, response.headers)
                # Intuit: a throttle may come as a fault code under another status.
                throttled = fault is not None and fault.is_throttled
                answered(pacing.THROTTLED if throttled else response.status_code, response.headers)
        except pacing.Wait as exc:
            raise NotSent("busy", exc.wait) from exc
        if fault is not None:
            raise fault
        self.began = self.began or str(body.get("time") or "")
        return response


class _TokenSession(http.Session):
    access_token: str


class Company:
    """One QuickBooks Online company as its API shows it.

    Every method raises Fault, inbuild.http.OutsideError, or NotSent where the call would break Intuit's limits.
    """

    def __init__(self, recorder: http.Recorder, realm: str, access_token: str) -> None:
        session = _TokenSession()
        session.recorder = recorder
        session.deadline_seconds = settings.QBO_TIMEOUT_SECONDS
        session.access_token = access_token
        self._client = _Client(company_id=realm, minorversion=MINOR_VERSION, use_decimal=True)
        self._client.session = self._session = session
        self._client.pacer = pacer(realm)
        self._client.sandbox = settings.QBO_ENVIRONMENT == "sandbox"
        if settings.QBO_API_URL:
            self._client.api_url_v3 = self._client.sandbox_api_url_v3 = settings.QBO_API_URL

    def info(self) -> Mapping[str, Any]:
        realm = self._client.company_id
        answer = self._client.get(f"{self._client.api_url}/company/{realm}/companyinfo/{realm}", params={})
        return cast(Mapping[str, Any], answer["CompanyInfo"])

    def create(self, kind: str, document: bytes, request_id: str) -> Mapping[str, Any]:
        """Create a Bill or Vendor from exactly these bytes under this key."""
        answer = self._client.create_object(kind, document, request_id=request_id)
        return cast(Mapping[str, Any], answer[kind])

    def update(self, kind: str, document: bytes, request_id: str) -> Mapping[str, Any]:
        """Replace what stands under the document's Id by exactly these bytes. Intuit: full update."""
        answer = self._client.update_object(kind, document, request_id=request_id)
        return cast(Mapping[str, Any], answer[kind])

    def delete(self, kind: str, document: bytes, request_id: str) -> Mapping[str, Any]:
        """Delete by Id and SyncToken."""
        answer = self._client.delete_object(kind, document, request_id=request_id)
        return cast(Mapping[str, Any], answer[kind])

    def preferences(self) -> Mapping[str, Any]:
        answer = self._client.get(f"{self._client.api_url}/company/{self._client.company_id}/preferences", params={})
        return cast(Mapping[str, Any], answer["Preferences"])

    def query(self, kind: str, where: str = "", fields: str = "*") -> Iterator[Mapping[str, Any]]:
        """All rows of one kind, page by page. `where` must be built with `quoted`."""
        start = 1
        while True:
            select = f"SELECT {fields} FROM {kind} {where} STARTPOSITION {start} MAXRESULTS {PAGE}"  # noqa: S608
            rows = self._client.query(select.encode())["QueryResponse"].get(kind, [])
            yield from rows
            if len(rows) < PAGE:
                return
            start += PAGE

    @property
    def began(self) -> str:
        """Intuit's own time in the first answer; empty before any."""
        return self._client.began

    def changes(self, kinds: str, since: str) -> Mapping[str, list[Mapping[str, Any]]]:
        """Change data capture: what changed by kind, deleted rows with `status` Deleted."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        answer = self._client.change_data_capture(kinds, since)
        for part in answer["CDCResponse"][0]["QueryResponse"]:
            for kind, rows in part.items():
                if isinstance(rows, list):
                    found.setdefault(kind, []).extend(rows)
        return found

    def upload(self, about: Mapping[str, Any], content: bytes) -> Mapping[str, Any]:
        """One file with its Attachable. The library's own upload is left aside: it has no time limit and no faults."""
        name = "file_content_01"
        # The name itself stands in the metadata; in the part's header no byte of it can do harm.
        content_part = (f"file.{about['FileName'].rpartition('.')[2]}", content, about["ContentType"])
        files = {
            "file_metadata_01": (None, simplejson.dumps(about).encode("ascii"), "application/json"),
            name: content_part,
        }
        client, session = self._client, self._session
        headers = {"Authorization": f"Bearer {session.access_token}", "Accept": "application/json"}
        response = client.paced(
            lambda: session.request(
                "POST",
                f"{client.api_url}/company/{client.company_id}/upload",
                headers=headers,
                params={"minorversion": MINOR_VERSION},
                files=files,
            )
        )
        first = _body(response)["AttachableResponse"][0]
        # Intuit: each file has its own fault while the answer as a whole is good.
        if fault := faults.read(200, first, response.headers):
            raise fault
        return cast(Mapping[str, Any], first["Attachable"])


def quoted(value: str) -> str:
    """A string literal of Intuit's query language: backslash first, then the quote."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _body(response: http.Response) -> Any:
    try:
        return simplejson.loads(response.content, use_decimal=True)
    except ValueError:
        return None
