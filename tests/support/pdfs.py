"""PDFs as bytes, written by hand: honest ones with a text layer, and such as somebody sends to do harm."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence


def page_of(lines: Sequence[str]) -> bytes:
    """A page's content: each line at its place, from the top down."""
    shown = (f"1 0 0 1 72 {720 - 16 * number} Tm ({_escaped(line)}) Tj" for number, line in enumerate(lines))
    return ("BT /F1 11 Tf " + " ".join(shown) + " ET").encode("latin-1")


def pdf(*pages: Sequence[str]) -> bytes:
    return of_contents([page_of(lines) for lines in pages])


def of_contents(contents: Sequence[bytes], *, stream_entries: str = "") -> bytes:
    """A PDF whose pages have these content streams."""
    many = len(contents)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(many))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {many} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, content in enumerate(contents):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(f"<< /Length {len(content)} {stream_entries} >>\nstream\n".encode() + content + b"\nendstream")
    return assembled(objects)


def assembled(objects: Iterable[bytes]) -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(places) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    end += f"startxref\n{len(out)}\n%%EOF\n"
    return out + end.encode()


def scan() -> bytes:
    """A page with a rectangle and no text."""
    return of_contents([b"0.5 g 72 72 468 648 re f"])


def bomb(megabytes: int = 2000) -> bytes:
    """A content stream of a few megabytes that becomes gigabytes."""
    return of_contents([_packed_spaces(megabytes)], stream_entries="/Filter /FlateDecode")


def bomb_in_layers() -> bytes:
    """Packed twice, so that it is small."""
    packed = zlib.compress(_packed_spaces(1000), 9)
    return of_contents([packed], stream_entries="/Filter [/FlateDecode /FlateDecode]")


def _packed_spaces(megabytes: int) -> bytes:
    """As zlib packs them, only that each megabyte is packed by itself, and so but once."""
    megabyte = b" " * 1_000_000
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = packer.compress(megabyte) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(megabytes):
        checksum = zlib.adler32(megabyte, checksum)
    return b"\x78\xda" + packed * megabytes + packer.flush() + checksum.to_bytes(4, "big")


def endless_work() -> bytes:
    """Forms that draw one another twice: 2 to the 40 times the same text."""
    depth = 40
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R "
        b"/Resources << /Font << /F1 3 0 R >> /XObject << /X 6 0 R >> >> >>",
        b"<< /Length 5 >>\nstream\n/X Do\nendstream",
    ]
    for number in range(depth):
        content = b"/X Do /X Do" if number < depth - 1 else b"BT /F1 11 Tf (again) Tj ET"
        objects.append(
            f"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Length {len(content)} /Resources "
            f"<< /Font << /F1 3 0 R >> /XObject << /X {7 + number} 0 R >> >> >>\nstream\n".encode()
            + content
            + b"\nendstream"
        )
    return assembled(objects)


def looping_xref() -> bytes:
    """Its table of objects says that an earlier table is the table itself."""
    start = b"%PDF-1.4\n"
    table = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 /Root 1 0 R /Prev %d >>\n" % len(start)
    return start + table + b"startxref\n%d\n%%%%EOF\n" % len(start)


def looping_pages() -> bytes:
    """A tree of pages that is its own child."""
    return assembled([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"])


def no_pages() -> bytes:
    return assembled([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>"])


def encrypted(content: bytes, password: str) -> bytes:
    """Made by the library itself: an honest file that asks for a password."""
    import io

    from pypdf import PdfReader, PdfWriter

    writer, made = PdfWriter(clone_from=PdfReader(io.BytesIO(content))), io.BytesIO()
    writer.encrypt(password, owner_password="owner", algorithm="AES-256")
    writer.write(made)
    return made.getvalue()


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
