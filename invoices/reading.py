"""Reading a dropped PDF: its text layer by a process with limits, what that says by `suggesting.py`, kept on its row.

However hostile, broken or large the file is, the row ends with suggestions or with a sentence, after one reading.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import structlog

from companies.models import Company
from inbuild import queue
from inbuild.faultpoints import faultpoint
from invoices import pdf_text, suggesting
from invoices.models import InboxFile, Vendor

log = structlog.get_logger("invoices.reading")

SECONDS = 15.0
LEASE = timedelta(seconds=60)
AT_ONCE = 2  # in all workers together
TRIES = 3
VENDORS = 20_000
PROBLEMS = {
    "no_text": "There is no text in this PDF, it may be a scan. Type it in.",
    "no_pages": "This PDF has no pages.",
    "encrypted": "This PDF is protected by a password, so inBuild cannot read it. Type it in.",
    "broken": "This PDF is damaged or unusual, so inBuild could not read it. Type it in.",
    "too_much": "This PDF is too large or too intricate to be read here. Type it in.",
    "nothing": "inBuild found no vendor, number, date or total in it that it is sure of. Type it in.",
    "gone": "The file is no longer where inBuild keeps files. Remove it and upload it again.",
    "tries": "Reading this PDF was cut off several times. Type it in.",
}


def work(file: InboxFile) -> None:
    """Read one taken row and write down what was found."""
    faultpoint("read.after_take")
    if file.state != InboxFile.State.WAITING:
        _end(file, {}, "")
        return
    if file.attempt > TRIES:
        _end(file, {}, PROBLEMS["tries"])
        return
    try:
        with file.file.open("rb") as opened:
            content = opened.read()
    except OSError:
        _end(file, {}, PROBLEMS["gone"])
        return
    text, problem = text_of(content)
    found = suggesting.suggest(text, vendors=known_vendors(file.company))
    _end(file, suggesting.as_json(found), "" if found else PROBLEMS[problem or "nothing"])


def known_vendors(company: Company) -> list[str]:
    return list(Vendor.objects.filter(company=company).values_list("name", flat=True).distinct()[:VENDORS])


def text_of(content: bytes, *, seconds: float = SECONDS) -> tuple[str, str]:
    """The text layer, or the name of what is the matter. Never raises for what the bytes are, never takes longer."""
    # -B: under its limit of what may be written, it would leave half a module in the cache, for everybody.
    command = [sys.executable, "-I", "-B", str(Path(pdf_text.__file__))]
    with tempfile.TemporaryFile() as answer:
        try:
            ended = subprocess.run(  # noqa: S603 - our own script; the file is its input, not its name
                command,
                input=content,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                timeout=seconds,
                cwd=tempfile.gettempdir(),
                env={},
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "", "too_much"
        answer.seek(0)
        told = answer.read(pdf_text.OUTPUT)
    if ended.returncode:
        log.info("the reader gave up", code=ended.returncode)
        return "", "too_much" if ended.returncode < 0 else "broken"
    return _understood(told)


def _understood(told: bytes) -> tuple[str, str]:
    try:
        answer = json.loads(told)
    except ValueError:
        return "", "too_much"
    if not isinstance(answer, dict):
        return "", "broken"
    text, problem = str(answer.get("text", "")), str(answer.get("problem", ""))
    return text, problem if problem in PROBLEMS else ""


def park(file: InboxFile, reference: str) -> None:
    """Our own bug: the file is as good as ever, and is typed in."""
    _end(file, {}, f"Something failed on our side while this was read. Reference {reference}. Type it in.")


def _end(file: InboxFile, found: dict[str, dict[str, str]], problem: str) -> None:
    """Unless somebody entered or removed it meanwhile, or another worker took it."""
    mine = queue.mine(file)
    state = InboxFile.State.READ if found else InboxFile.State.UNREAD
    mine.filter(state=InboxFile.State.WAITING).update(state=state, found=found, problem=problem[:500])
    mine.update(next_at=None, lease_until=None)
