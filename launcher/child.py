"""Becomes a child process that ends with its parent, optionally as another user.

Run by path, in an isolated interpreter, so it imports nothing but the standard library:

    python -I -S launcher/child.py PARENT SIGNAL USER -- command ...

Linux forgets the parent-death signal when a process changes its user, so the order below matters: user, then signal,
then a look whether the parent is still the one that started us, then the command itself.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

PR_SET_PDEATHSIG = 1
SAME_USER = "-"


def wrapped(command: Sequence[str], death_signal: int, user: str | None = None) -> list[str]:
    """The command to hand to Popen. Linux ties the child to the *thread* that starts it: start from a lasting one."""
    return [
        sys.executable,
        "-I",
        "-S",
        os.path.abspath(__file__),
        str(os.getpid()),
        str(int(death_signal)),
        user or SAME_USER,
        "--",
        *command,
    ]


def _become(user: str) -> None:
    import pwd

    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.environ["HOME"] = account.pw_dir
    os.environ["USER"] = os.environ["LOGNAME"] = user


def _end_with(parent: int, death_signal: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("The process that started this one is already gone.")


def main(arguments: Sequence[str]) -> NoReturn:
    parent, death_signal, user, _, *command = arguments
    if user != SAME_USER:
        _become(user)
    _end_with(int(parent), int(death_signal))
    try:
        os.execvp(command[0], command)  # noqa: S606 - it is the whole point
    except OSError as error:
        raise SystemExit(f"{command[0]} could not be started: {error.strerror}.") from None


if __name__ == "__main__":
    main(sys.argv[1:])
