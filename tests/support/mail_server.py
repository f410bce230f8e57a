"""A small SMTP server on a socket, which takes mail, refuses it, breaks off or is not there."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import cast

from launcher.places import free_port


@dataclass
class MailServer:
    """What came in, and what to do with what comes. `refuse` answers these codes to the next recipients."""

    port: int
    taken: list[EmailMessage] = field(default_factory=list)
    refuse: list[int] = field(default_factory=list)
    drop_before_answer: int = 0
    drop_after_taking: int = 0
    calls: int = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def to(self, address: str) -> list[EmailMessage]:
        return [message for message in self.taken if message["To"] == address]


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        mail = cast("_Server", self.server).mail
        mail.calls += 1
        if mail.drop_before_answer:
            mail.drop_before_answer -= 1
            return
        self._say("220 test mail server")
        while line := self.rfile.readline().strip():
            word = line[:4].upper()
            if word == b"RCPT" and mail.refuse:
                self._say(f"{mail.refuse.pop(0)} not here")
            elif word == b"DATA":
                self._say("354 go on")
                mail.taken.append(self._message())
                if mail.drop_after_taking:
                    mail.drop_after_taking -= 1
                    return
                self._say("250 taken")
            elif word == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _message(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return email.message_from_bytes(b"".join(lines), policy=email.policy.default)

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    mail: MailServer


@contextmanager
def listening(mail: MailServer) -> Iterator[MailServer]:
    """The server is there for as long as this lasts."""
    with _Server(("127.0.0.1", mail.port), _Conversation) as server:
        server.mail = mail
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield mail
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with listening(MailServer(free_port())) as mail:
        yield mail


def plain(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def html(message: EmailMessage) -> str:
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())
