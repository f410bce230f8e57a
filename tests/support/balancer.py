"""What stands in front of several web processes in production: a connection goes to one that is in."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

NOBODY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
PIECE = 65_536


class Balancer:
    """Hands connections on in turn. One that leaves gets no new ones; those it has are left alone."""

    def __init__(self, port: int, behind: Sequence[int]) -> None:
        self._in = list(behind)
        self._turns = itertools.count()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def leave(self, port: int) -> None:
        self._in = [each for each in self._in if each != port]

    def enter(self, port: int) -> None:
        self._in = [*self._in, port]

    def close(self) -> None:
        # A closed socket alone would leave the thread waiting in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._hand_on, args=(caller,), daemon=True).start()

    def _hand_on(self, caller: socket.socket) -> None:
        web = self._connected()
        with caller:
            if web is None:
                caller.sendall(NOBODY)
                return
            with web:
                back = threading.Thread(target=_pass, args=(web, caller), daemon=True)
                back.start()
                _pass(caller, web)
                back.join()

    def _connected(self) -> socket.socket | None:
        behind, first = self._in, next(self._turns)
        for number in range(len(behind)):
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", behind[(first + number) % len(behind)]), timeout=2)
        return None


def _pass(source: socket.socket, target: socket.socket) -> None:
    source.settimeout(None)
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def balanced(port: int, behind: Sequence[int]) -> Iterator[Balancer]:
    balancer = Balancer(port, behind)
    try:
        yield balancer
    finally:
        balancer.close()
