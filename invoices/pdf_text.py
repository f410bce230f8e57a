"""Run as a script, in a process of its own: the text layer of the PDF on standard input, as JSON on standard output.

A PDF is somebody else's bytes. So this process has little time and memory, no environment, may write one small file,
and nobody waits for it longer than `reading.py` says. It knows nothing of inBuild. Whatever else a broken file makes of
the library ends it, which is an answer too.
"""

from __future__ import annotations

import io
import json
import resource
import sys

SECONDS = 8
MEMORY = 400_000_000
PAGES = 10
CHARACTERS = 50_000
OUTPUT = 6 * CHARACTERS + 1000


def read(content: bytes) -> dict[str, str]:
    """`text`, or `problem` with a name of reading.PROBLEMS."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

    pages: list[str] = []
    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        # One that only forbids printing opens with an empty password.
        if reader.is_encrypted and not reader.decrypt(""):
            return {"problem": "encrypted"}
        for page in reader.pages:
            pages.append(page.extract_text())
            if len(pages) == PAGES or sum(map(len, pages)) > CHARACTERS:
                break
    except DependencyError:
        return {"problem": "encrypted"}
    except (LimitReachedError, MemoryError):
        return {"problem": "too_much"}
    except PyPdfError:
        return {"problem": "broken"}
    text = "\n".join(pages)[:CHARACTERS]
    return {"text": text} if text.strip() else {"problem": "no_text" if pages else "no_pages"}


def limit() -> None:
    """Before the first byte of the file is looked at, and for good."""
    limits = [(resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_FSIZE, OUTPUT), (resource.RLIMIT_CORE, 0)]
    if sys.platform == "linux":  # macOS refuses to limit this one
        limits.append((resource.RLIMIT_AS, MEMORY))
    for what, most in limits:
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    limit()
    answer = json.dumps(read(sys.stdin.buffer.read()), ensure_ascii=False)
    sys.stdout.buffer.write(answer.encode("utf-8", "replace"))
