"""Contents of attachments: small valid files of the usual types, filled up to any size, the same bytes every time."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

LARGEST = 64 * 1024 * 1024
TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "exe": "application/x-msdownload",
    "html": "text/html",
    "txt": "text/plain",
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


def type_of(filename: str) -> str:
    return TYPES.get(filename.rpartition(".")[2].lower(), "application/octet-stream")


def content_of(content_type: str, lines: Sequence[str], size: int | None) -> bytes:
    """A file of that type that shows the lines where it can; with `size` exactly that many bytes."""
    if content_type == "application/pdf":
        head = small_pdf(lines)
    elif content_type == "image/png":
        head = _png()
    elif content_type == "image/jpeg":
        head = _JPEG
    elif content_type == "application/x-msdownload":
        head = b"MZ\x90\x00" + b"\x00" * 56 + b"\x40\x00\x00\x00" + b"PE\x00\x00"
    elif content_type == "text/html":
        head = b"<!doctype html><title>File</title><script>alert(1)</script><p>Not an invoice.</p>"
    else:
        head = "\n".join(lines).encode()
    if size is None:
        return head
    size = min(size, LARGEST)
    # What follows the end of a picture or of a PDF is ignored by readers.
    return head + b"\n" * (size - len(head)) if size >= len(head) else head[:size]


def small_pdf(lines: Sequence[str]) -> bytes:
    """A valid one-page PDF with some lines of text."""
    shown = [line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in lines]
    text = "BT /F1 14 Tf 72 720 Td 20 TL " + " T* ".join(f"({line}) Tj" for line in shown) + " ET"
    stream = text.encode("latin-1", "replace")
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = b"%PDF-1.4\n"
    offsets = []
    for number, part in enumerate(parts, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, start)


def _png() -> bytes:
    """One grey pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00\x80")) + chunk(b"IEND", b"")
    )


# One grey pixel, baseline.
_JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912130f141d1a1f1e"
    "1d1a1c1c20242e2720222c231c1c2837292c30313434341f27393d38323c2e333432ffc0000b080001000101011100ffc4001f00000105"
    "01010101010100000000000000000102030405060708090a0bffc400b5100002010303020403050504040000017d010203000411051221"
    "31410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a43444546474849"
    "4a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5"
    "b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffda0008010100003f00fbd0"
    "ffd9"
)
