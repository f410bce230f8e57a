"""Where things lie: the project, and the folders outside it that servers and the demo may write to."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import secrets
import shutil
import socket
import stat
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINE = "inbuild-"
OUR_PORTS = range(20000, 32000)
_claimed: set[int] = set()


class PlaceRefused(Exception):
    """A folder cannot be used; the text is one sentence for the person at the terminal."""


def open_to_others(path: Path) -> bool:
    """Whether another account may walk down to this folder: PostgreSQL refuses to run as root."""
    path = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def temporary_base() -> Path:
    """The system's temporary folder, or /tmp when it is a private one and we must share it with another account."""
    base = Path(tempfile.gettempdir())
    if os.geteuid() == 0 and not open_to_others(base):
        return Path("/tmp")  # noqa: S108 - the folders made in it are our own and checked
    return base


def new_temporary_folder(purpose: str) -> Path:
    """A fresh folder whose name carries our process id, so that a later run can clear what a killed one left."""
    base = temporary_base()
    _clear_left_behind(base, purpose)
    folder = Path(tempfile.mkdtemp(prefix=f"{MINE}{purpose}-{os.getpid()}-", dir=base))
    folder.chmod(0o711)
    return folder


def _clear_left_behind(base: Path, purpose: str) -> None:
    for folder in base.glob(f"{MINE}{purpose}-*-*"):
        owner = folder.name.removeprefix(f"{MINE}{purpose}-").split("-")[0]
        with contextlib.suppress(OSError):
            ours = folder.lstat().st_uid == os.geteuid() and folder.is_dir() and not folder.is_symlink()
            if ours and owner.isdigit() and not process_exists(int(owner)):
                shutil.rmtree(folder, ignore_errors=True)


def process_exists(pid: int) -> bool:
    """Whether it can still do something: one that ended and waits to be collected by its parent does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        return not Path("/proc/self").exists()


def demo_folder() -> Path:
    """The demo's kept state. One for each user and copy of the project, so two copies never share a database."""
    name = hashlib.sha256(str(ROOT).encode()).hexdigest()[:10]
    return temporary_base() / f"{MINE}demo-{os.getuid()}-{name}"


def make_own_folder(folder: Path) -> None:
    """Create it, or make sure that it is ours: anybody may put something into the temporary folder before us."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o711)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PlaceRefused(f"{folder} belongs to somebody else; remove it or set TMPDIR to another folder.")
    folder.chmod(0o711)


def free_port() -> int:
    """A port that nobody listens on, and that is kept for this process as long as it lives.

    It lies below the ports of outgoing connections (Linux: from 32768, others higher): one of those cannot take it
    while a server is being started, or started again. Another process of ours cannot because it is claimed in a file
    that all of them look at; the system drops the claims of a process that ends.
    """
    while True:
        port = secrets.choice(OUR_PORTS)
        if port not in _claimed and _claim(port) and port_is_free(port):
            return port


def _claim(port: int) -> bool:
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _claimed.add(port)
    return True


@functools.cache
def _claims() -> int:
    """The file of claims, one byte for each port. It stays open: closing it anywhere in this process drops them."""
    file = temporary_base() / f"{MINE}ports-{os.geteuid()}"
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def port_is_free(port: int) -> bool:
    with socket.socket() as listener:
        # As servers do: a port whose last connections are still being forgotten counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
