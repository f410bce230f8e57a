"""A PDF is somebody else's bytes: whatever they are, its row ends with suggestions or with a sentence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.db.models.functions import Now

from companies.models import Company, User
from inbuild import queue
from invoices import inbox, pdf_text, reading
from invoices.models import InboxFile, Vendor
from invoices.tasks import read_due, sweep
from tests.support import pdfs, work

LINES = ["Delta Steel, LLC", "Invoice No.: INV-1042", "Invoice Date: 11/03/2026", "Total: $4,200.50"]
GOOD = pdfs.pdf(LINES)


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def dropped(company: Company, user: User, content: bytes = GOOD, name: str = "invoice.pdf") -> InboxFile:
    Vendor.objects.get_or_create(company=company, name="Delta Steel")
    return inbox.receive(company, ContentFile(content, name), user=user)


def after_reading(file: InboxFile) -> InboxFile:
    read_due(company_id=file.company_id)
    file.refresh_from_db()
    return file


def test_what_is_read_is_kept_with_the_words_it_stands_in(company: Company, accountant: User) -> None:
    file = after_reading(dropped(company, accountant))
    assert (file.state, file.problem, file.next_at, file.lease_until) == ("read", "", None, None)
    assert file.found == {
        "vendor_name": {"value": "Delta Steel", "words": "Delta Steel, LLC"},
        "number": {"value": "INV-1042", "words": "Invoice No.: INV-1042"},
        "invoice_date": {"value": "2026-11-03", "words": "Invoice Date: 11/03/2026"},
        "total": {"value": "4200.50", "words": "Total: $4,200.50"},
    }


def test_text_that_stands_in_another_order_in_the_file_is_read_too(company: Company, accountant: User) -> None:
    shuffled = b"BT /F1 11 Tf 1 0 0 1 72 500 Tm (Total: $4,200.50) Tj 1 0 0 1 72 700 Tm (Invoice No.: INV-1042) Tj ET"
    found = after_reading(dropped(company, accountant, pdfs.of_contents([shuffled]))).found
    assert {name: one["value"] for name, one in found.items()} == {"number": "INV-1042", "total": "4200.50"}


# Made when they are wanted: the bombs take half a minute.
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "scan": (pdfs.scan, "no_text"),
    "no pages": (pdfs.no_pages, "no_pages"),
    "password": (lambda: pdfs.encrypted(GOOD, "secret"), "encrypted"),
    "cut off": (lambda: GOOD[: len(GOOD) // 2], "broken"),
    "nothing but a head": (lambda: b"%PDF-", "broken"),
    "garbage": (lambda: b"%PDF-1.7\n" + bytes(range(256)) * 4000, "broken"),
    "its table is its own": (pdfs.looping_xref, "broken"),
    "its pages are their own": (pdfs.looping_pages, "broken"),
    "bomb": (pdfs.bomb, "too_much"),
    "bomb in layers": (pdfs.bomb_in_layers, "too_much"),
    "another text": (lambda: pdfs.pdf(["Good morning"]), "nothing"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_as_a_sentence(name: str, company: Company, accountant: User) -> None:
    made, problem = HOSTILE[name]
    file = after_reading(dropped(company, accountant, made()))
    assert (file.state, file.problem) == ("unread", reading.PROBLEMS[problem])
    assert (file.next_at, file.lease_until, file.found) == (None, None, {})


def test_a_file_that_only_forbids_printing_is_read(company: Company, accountant: User) -> None:
    assert after_reading(dropped(company, accountant, pdfs.encrypted(GOOD, ""))).state == "read"


def test_of_5000_pages_the_first_are_read_and_it_is_soon_over(company: Company, accountant: User) -> None:
    begun = time.monotonic()
    file = after_reading(dropped(company, accountant, pdfs.pdf(LINES, *([["x"]] * 4999))))
    assert file.found["number"]["value"] == "INV-1042"
    assert time.monotonic() - begun < reading.SECONDS + 5


def test_a_file_that_is_endless_work_is_given_up(company: Company, accountant: User) -> None:
    """Whether the library, the processor's time or the clock ends it: it ends, and the row with it."""
    begun = time.monotonic()
    file = after_reading(dropped(company, accountant, pdfs.endless_work()))
    assert time.monotonic() - begun < reading.SECONDS + 5
    assert file.state == "unread"
    assert file.next_at is None


def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    """A reader that does something else, to see what holds it."""
    (tmp_path / "reader.py").write_text(script)
    monkeypatch.setattr(pdf_text, "__file__", str(tmp_path / "reader.py"))


def test_nobody_waits_longer_than_the_clock_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripted(monkeypatch, tmp_path, "import time; time.sleep(60)")
    begun = time.monotonic()
    assert reading.text_of(GOOD, seconds=1) == ("", "too_much")
    assert time.monotonic() - begun < 10


def test_it_sees_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripted(monkeypatch, tmp_path, "import os, json; print(json.dumps({'text': repr(dict(os.environ))}))")
    monkeypatch.setenv("SECRET_OF_OURS", "CANARY")
    text, problem = reading.text_of(GOOD)
    assert problem == ""
    assert text
    assert "CANARY" not in text
    assert django_settings.SECRET_KEY not in text


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("print('x' * 10_000_000)", "too_much"),
        ("print('[1]')", "broken"),
        ("import json; print(json.dumps({'problem': 'made up'}))", ""),
        ("raise SystemExit(3)", "broken"),
        ("import os; os.kill(os.getpid(), 9)", "too_much"),
    ],
)
def test_whatever_it_answers_is_only_text(
    script: str, problem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted(monkeypatch, tmp_path, script)
    assert reading.text_of(GOOD) == ("", problem)


@pytest.mark.parametrize(
    ("greed", "answer"),
    [
        ("bytearray(2_000_000_000)", "MemoryError"),
        ("open('big', 'wb', buffering=0).write(b'x' * 1_000_000) < 1_000_000 and 1 / 0", "ZeroDivisionError"),
        ("[0 for _ in iter(int, 1)]", ""),
    ],
    ids=["memory", "files", "processor"],
)
def test_it_has_little_of_everything(greed: str, answer: str, tmp_path: Path) -> None:
    """What `limit` allows, asked of the real function: memory, what may be written, time of the processor."""
    import subprocess
    import sys

    script = (
        f"import sys; sys.path.insert(0, {str(Path(pdf_text.__file__).parent)!r}); sys.dont_write_bytecode = True\n"
    )
    script += f"import pdf_text; pdf_text.SECONDS = 1; pdf_text.limit()\nwhile {greed}: pass"
    if answer == "":
        script = script.replace(f"while {greed}: pass", "while True: pass")
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    assert answer in done.stderr.decode()
    if answer == "":
        assert done.returncode < 0


def test_a_file_that_is_gone_is_said_to_be(company: Company, accountant: User) -> None:
    file = dropped(company, accountant)
    file.file.storage.delete(str(file.file.name))
    assert after_reading(file).problem == reading.PROBLEMS["gone"]


def test_what_was_removed_or_entered_while_it_was_read_stays_so(
    company: Company, accountant: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = dropped(company, accountant)
    real = reading.text_of

    def and_meanwhile(content: bytes) -> tuple[str, str]:
        inbox.remove(file, user=accountant)
        return real(content)

    monkeypatch.setattr(reading, "text_of", and_meanwhile)
    assert after_reading(file).state == "removed"
    assert file.found == {}


def test_a_result_of_an_earlier_taking_is_not_written(company: Company, accountant: User) -> None:
    dropped(company, accountant)
    [first] = queue.take_due(InboxFile, company.pk, lease=reading.LEASE)
    InboxFile.objects.update(lease_until=None, next_at=Now())
    [second] = queue.take_due(InboxFile, company.pk, lease=reading.LEASE)
    reading.work(first)
    second.refresh_from_db()
    assert second.state == "waiting"
    reading.work(second)
    second.refresh_from_db()
    assert second.state == "read"


def test_one_whose_reading_is_cut_off_again_and_again_is_given_up(company: Company, accountant: User) -> None:
    file = dropped(company, accountant)
    InboxFile.objects.update(attempt=reading.TRIES)
    assert after_reading(file).problem == reading.PROBLEMS["tries"]


def test_a_bug_of_ours_parks_the_row_with_a_reference(
    company: Company, accountant: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr("invoices.suggesting.suggest", fail)
    file = after_reading(dropped(company, accountant))
    assert file.state == "unread"
    assert "Something failed on our side while this was read. Reference" in file.problem
    assert file.next_at is None


def test_a_lost_wake_up_costs_time_and_no_file(
    company: Company, accountant: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    dropped(company, accountant)
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr("inbuild.queue._bell.ring", lambda *call: rung.append(call))
    with django_capture_on_commit_callbacks(execute=True):
        sweep()
    assert rung == [("invoices.read_due", company.pk)]


def test_the_answer_of_the_reader_is_plain_json(tmp_path: Path) -> None:
    assert pdf_text.read(GOOD) == {"text": "\n".join(LINES)}
    assert json.dumps(pdf_text.read(pdfs.scan())) == '{"problem": "no_text"}'
