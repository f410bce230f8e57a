"""Fetches one file from an address that somebody else wrote down, and believes nothing it says."""

from __future__ import annotations

import ipaddress
import socket
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from inbuild import http

MAX_BYTES = 25_000_000
SECONDS = 60.0
HOPS = 3
PDF, PNG, JPEG = "application/pdf", "image/png", "image/jpeg"
HEADS = {PDF: b"%PDF-", PNG: b"\x89PNG\r\n\x1a\n", JPEG: b"\xff\xd8\xff"}
# What must stand in the last bytes of a whole file; a picture of a telephone may carry anything after its end.
TAILS = {PDF: (b"%%EOF", 1024), PNG: (b"IEND", 1024), JPEG: (b"\xff\xd9", MAX_BYTES)}
# Public by their number, and yet a way to an inner address or to the keys of a machine in the cloud.
INNER = tuple(ipaddress.ip_network(each) for each in ("64:ff9b::/96", "2002::/16", "168.63.129.16/32"))


class NotFetched(Exception):
    """No file. The text is a sentence for the page; `final` where asking again would bring the same."""

    def __init__(self, words: str, *, final: bool = False) -> None:
        super().__init__(words)
        self.final = final


@dataclass(frozen=True, slots=True)
class File:
    """A whole file, its type told by its bytes."""

    content: bytes
    content_type: str


def fetch(url: str, recorder: http.Recorder, *, token: str = "", trusted: frozenset[str] = frozenset()) -> File:
    """Follow at most three redirects by hand, within one minute. Raises NotFetched.

    The token goes with the first request only: storage wants none, and must not learn ours. `trusted` are hosts with
    their port that may lie inside and speak plain http: the emulator's.
    """
    until = time.monotonic() + SECONDS
    for _ in range(HOPS + 1):
        response = _ask(url, recorder, token, trusted, until - time.monotonic())
        if response.status_code not in (301, 302, 303, 307, 308):
            return _file(response)
        url, token = _next(url, response.headers.get("Location", "")), ""
    raise NotFetched("The link leads from one address to the next without end.")


def _next(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as exc:
        raise NotFetched("The link leads to what is no address.", final=True) from exc


def _ask(url: str, recorder: http.Recorder, token: str, trusted: frozenset[str], seconds: float) -> http.Response:
    parts = _parts(url, trusted)
    address = _address(parts, is_trusted=parts.netloc in trusted)
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "Host": parts.netloc}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    session = http.file_session(recorder, address, deadline_seconds=max(seconds, 0.1), max_bytes=MAX_BYTES)
    try:
        return session.get(url, headers=headers)
    except http.TooLarge as exc:
        raise NotFetched(f"The file is larger than {MAX_BYTES // 1_000_000} MB.", final=True) from exc
    except http.OutsideError as exc:
        raise NotFetched(f"The file did not come: {exc}.") from exc
    finally:
        session.close()


def _parts(url: str, trusted: frozenset[str]) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as exc:
        raise NotFetched("The link to the file is no address.", final=True) from exc
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise NotFetched("The link to the file is no address.", final=True)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.netloc in trusted):
        raise NotFetched("The link to the file is not a secure web address.", final=True)
    return parts


def _address(parts: SplitResult, *, is_trusted: bool) -> str:
    """The address to connect to, and no other: asked again, the name might lead elsewhere."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise NotFetched("The link leads to a host that cannot be found.") from exc
    addresses = [str(entry[4][0]) for entry in found]
    if not is_trusted and not all(is_public(address) for address in addresses):
        raise NotFetched("The link leads to an address inside a private network.", final=True)
    return addresses[0]


def is_public(address: str) -> bool:
    """Out on the internet: not private, loopback, link-local, shared (CGNAT), multicast, nor a cloud's own."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    if mapped is not None:
        return is_public(str(mapped))
    if not found.is_global or found.is_multicast or found.is_reserved:
        return False
    return not any(found in network for network in INNER)


def _file(response: http.Response) -> File:
    status, content = response.status_code, response.content
    if status in (401, 403):
        raise NotFetched("The link to the file is not, or no longer, open to inBuild.")
    if status in (404, 410):
        raise NotFetched("The file is no longer where its link leads.")
    if status != 200:
        raise NotFetched(f"The place where the file is kept answered with an error ({status}).")
    if not content:
        raise NotFetched("The file is empty.")
    if content.lstrip()[:1] == b"<":
        raise NotFetched("A web page came instead of the file.")
    kind = next((kind for kind, head in HEADS.items() if content.startswith(head)), None)
    if kind is None:
        raise NotFetched("It is not a PDF, PNG or JPEG file.", final=True)
    tail, within = TAILS[kind]
    if tail not in content[-within:]:
        raise NotFetched("The file is not whole: its end is missing.")
    return File(content, kind)
