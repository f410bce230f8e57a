"""The one door outside: time limits, typed errors, a row for each call, never inside a transaction."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction

from inbuild import http
from launcher.places import free_port


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A socket that answers each connection in its own way."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_answered, args=(answer, caller), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x?secret=1"
    finally:
        listener.close()


def _answered(answer: Callable[[socket.socket], None], caller: socket.socket) -> None:
    try:
        caller.recv(65536)
        answer(caller)
    except OSError:
        pass
    finally:
        caller.close()


@pytest.fixture
def calls() -> list[http.Call]:
    return []


def ask(calls: list[http.Call], url: str, *, seconds: float = 1.0) -> http.Response:
    return http.session(calls.append, deadline_seconds=seconds).post(url, data=b"body")


def head(length: int, *more: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (length, b"".join(line + b"\r\n" for line in more))


@pytest.mark.django_db
def test_a_good_answer_and_its_row(calls: list[http.Call]) -> None:
    with server(lambda caller: caller.sendall(head(2, b"intuit_tid: t-1") + b"ok")) as url:
        assert ask(calls, url).content == b"ok"
    [call] = calls
    assert (call.method, call.status, call.trace_id, call.error) == ("POST", 200, "t-1", "")
    assert "secret" not in call.url
    assert call.request_sha256


@pytest.mark.django_db
def test_nobody_there_means_certainly_not_sent(calls: list[http.Call]) -> None:
    with pytest.raises(http.NotSent):
        ask(calls, f"http://127.0.0.1:{free_port()}/")
    assert calls[0].error == "no connection"


def drip(caller: socket.socket) -> None:
    caller.sendall(head(1000))
    for _ in range(100):
        caller.sendall(b"x")
        time.sleep(0.1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "answer",
    [
        lambda caller: None,
        lambda caller: time.sleep(5),
        lambda caller: caller.sendall(head(1000) + b"half"),
        lambda caller: caller.sendall(b"this is no HTTP\r\n\r\n"),
        drip,
    ],
    ids=["closed", "silent", "truncated", "no http", "drip"],
)
def test_an_unclear_end_is_no_answer_and_comes_in_time(
    answer: Callable[[socket.socket], None], calls: list[http.Call]
) -> None:
    started = time.monotonic()
    with server(answer) as url, pytest.raises(http.NoAnswer):
        ask(calls, url)
    assert time.monotonic() - started < 3
    assert len(calls) == 1


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3\r\nay!\r\n0\r\n\r\n"


@pytest.mark.django_db
def test_chunks_and_compression_are_undone(calls: list[http.Call]) -> None:
    with server(lambda caller: caller.sendall(CHUNKED)) as url:
        assert ask(calls, url).content == b"okay!"
    packed = gzip.compress(b"x" * 100_000)
    with server(lambda caller: caller.sendall(head(len(packed), b"Content-Encoding: gzip") + packed)) as url:
        assert ask(calls, url).content == b"x" * 100_000


@pytest.mark.django_db
def test_an_answer_without_end_or_measure_is_cut(calls: list[http.Call], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BYTES", 1_000_000)
    bomb = gzip.compress(b"x" * 50_000_000)
    answer = head(len(bomb), b"Content-Encoding: gzip") + bomb
    with server(lambda caller: caller.sendall(answer)) as url, pytest.raises(http.NoAnswer, match="too large"):
        ask(calls, url, seconds=5)


@pytest.mark.django_db
def test_redirects_are_not_followed(calls: list[http.Call]) -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    with server(lambda caller: caller.sendall(redirect)) as url:
        assert ask(calls, url).status_code == 302


@pytest.mark.django_db
def test_a_proxy_in_the_environment_is_ignored(calls: list[http.Call], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with server(lambda caller: caller.sendall(head(2) + b"ok")) as url:
        assert ask(calls, url).content == b"ok"


@pytest.mark.django_db(transaction=True)
def test_no_call_inside_a_transaction(calls: list[http.Call]) -> None:
    with server(lambda caller: caller.sendall(head(2) + b"ok")) as url:
        with pytest.raises(http.InsideTransaction), transaction.atomic():
            ask(calls, url)
        assert ask(calls, url).status_code == 200
    assert len(calls) == 1


@pytest.mark.django_db
def test_several_calls_before_which_a_person_waits_share_one_time_limit(calls: list[http.Call]) -> None:
    started = time.monotonic()
    with server(lambda caller: time.sleep(20)) as url, http.within(1.0):
        with pytest.raises(http.NoAnswer):
            ask(calls, url, seconds=30)
        with pytest.raises(http.NotSent, match="no time left"):
            ask(calls, url, seconds=30)
    assert time.monotonic() - started < 3
    assert http.seconds_left(30) == 30


@pytest.mark.django_db
def test_what_must_not_be_cut_short_takes_its_own_time_inside_a_limit(calls: list[http.Call]) -> None:
    def slow(caller: socket.socket) -> None:
        time.sleep(1.0)
        caller.sendall(head(2) + b"ok")

    with server(slow) as url, http.within(0.3):
        with http.in_full():
            assert ask(calls, url, seconds=30).content == b"ok"
        with pytest.raises(http.OutsideError):
            ask(calls, url, seconds=30)
