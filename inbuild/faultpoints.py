"""Named places where a test may kill or delay a process; in production they do nothing.

`FAULTPOINTS="import.after_fetch=kill:1"` kills with probability 1 at that point; `FAULTPOINT_LOG` names a file that
gets one line for every hit, so that a test can prove it was there.
"""

from __future__ import annotations

import os
import random
import signal
import time

NAMES = frozenset(
    {
        "webhook.before_insert",
        "webhook.after_commit",
        "import.after_take",
        "import.after_fetch",
        "import.before_commit",
        "import.after_commit",
        "send.after_take",
        "send.after_start",
        "send.after_send",
        "send.after_settle",
        "tell.after_take",
        "tell.after_start",
        "tell.after_send",
        "post.after_take",
        "post.after_start",
        "post.after_send",
        "post.before_settle",
        "post.after_settle",
        "change.after_send",
        "token.after_answer",
        "attach.after_take",
        "attach.after_send",
        "bulk.after_take",
        "read.after_take",
    }
)


def _plan() -> dict[str, tuple[str, float]]:
    plan = {}
    for part in os.environ.get("FAULTPOINTS", "").split(","):
        if part:
            name, _, rule = part.partition("=")
            action, _, value = rule.partition(":")
            plan[name] = (action, float(value or 1))
    return plan


_PLAN = _plan()


def faultpoint(name: str) -> None:
    """Do what the plan says here: `kill` with a probability, or `sleep` for some seconds."""
    if not _PLAN or name not in _PLAN:
        return
    action, value = _PLAN[name]
    if action == "kill" and random.random() >= value:
        return
    _note(name)
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "sleep":
        time.sleep(value)


def _note(name: str) -> None:
    if path := os.environ.get("FAULTPOINT_LOG"):
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, f"{name}\n".encode())
        os.close(handle)
