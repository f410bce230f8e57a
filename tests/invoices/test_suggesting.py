"""What a PDF's text suggests: what stands there for certain, and nothing else."""

from __future__ import annotations

import time

import pytest

from invoices import suggesting

VENDORS = ["Delta Steel", "Delta", "Omega Concrete, Inc.", "A&B Electric LLC", "Ace"]
INVOICE = """DELTA STEEL, LLC
Bill to: Northgate Builders
Invoice No.: INV-1042
Invoice Date: 11/03/2026  Due Date: 12/03/2026
Subtotal $4,000.00
Sales tax 200.50
Total: $4,200.50
Amount due: $4,200.50
"""


def values(text: str, vendors: list[str] = VENDORS) -> dict[str, str]:
    return {name: one.value for name, one in suggesting.suggest(text, vendors=vendors).items()}


def test_a_plain_invoice_is_read_with_the_words_each_stands_in() -> None:
    found = suggesting.suggest(INVOICE, vendors=VENDORS)
    assert {name: (one.value, one.words) for name, one in found.items()} == {
        "vendor_name": ("Delta Steel", "DELTA STEEL, LLC"),
        "number": ("INV-1042", "Invoice No.: INV-1042"),
        "invoice_date": ("2026-11-03", "Invoice Date: 11/03/2026"),
        "total": ("4200.50", "Amount due: $4,200.50"),
    }


@pytest.mark.parametrize(
    ("text", "vendor"),
    [
        ("Omega Concrete", "Omega Concrete, Inc."),
        ("OMEGA CONCRETE INC", "Omega Concrete, Inc."),
        ("A & B Electric", "A&B Electric LLC"),
        ("A and B Electric, L.L.C.", "A&B Electric LLC"),
        ("Delta Steel", "Delta Steel"),
        ("Delta\nOther words", "Delta"),
        # Two of them: which one is it?
        ("Delta Steel and Delta", None),
        ("Delta Steel for Omega Concrete", None),
        ("Deltas Steely", None),
        ("Ace Hardware", None),  # so short that it stands anywhere
        ("Nobody we know", None),
    ],
)
def test_a_vendor_is_only_one_that_is_known_and_stands_there_alone(text: str, vendor: str | None) -> None:
    assert values(text).get("vendor_name") == vendor


def test_of_two_vendors_that_differ_in_their_form_alone_the_one_that_stands_there_in_full() -> None:
    both = ["Delta Steel Inc", "Delta Steel LLC"]
    assert values("Delta Steel LLC", both)["vendor_name"] == "Delta Steel LLC"
    assert "vendor_name" not in values("Delta Steel", both)
    assert "vendor_name" not in values("Delta Steel LLC, formerly Delta Steel Inc", both)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Invoice Number: 1042", "1042"),
        ("INVOICE # 1042-A", "1042-A"),
        ("Invoice No. 2026/17.", "2026/17"),
        ("Inv. no 7", None),
        ("Inv #A7", "A7"),
        ("Invoice: 55-9", "55-9"),
        ("Invoice Number\nSFP-2201\nDate", "SFP-2201"),
        ("Invoice Number: 1042\nInvoice #1042", "1042"),
        ("Invoice Number: 1042\nInvoice #1043", None),
        ("Invoice No. Date Terms\n1042 11/03/2026 Net 30", None),
        ("Invoice number 11/03/2026", None),
        ("Invoice Nov2026", None),
        ("Invoice number 4,200.00", None),
        ("Invoice number 4200.00", None),
        ("Invoice notes: see 3", None),
        ("PO Number: 88", None),
    ],
)
def test_a_number_stands_after_its_label_and_there_is_but_one(text: str, number: str | None) -> None:
    assert values(text).get("number") == number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Invoice Date: 11/3/2026", "2026-11-03"),
        ("Invoice date 11-03-26", "2026-11-03"),
        ("Invoice Date\nNovember 3, 2026", "2026-11-03"),
        ("Date: Nov. 3rd, 2026", "2026-11-03"),
        ("Dated 3 Nov 2026", "2026-11-03"),
        ("Invoice Date: 2026-11-03", "2026-11-03"),
        ("Date: 11/03/2026\nInvoice date: 11/04/2026", "2026-11-04"),
        ("Invoice Date: 13/11/2026", None),
        ("Invoice Date: 02/30/2026", None),
        ("Invoice Date: 11/03/1926", None),
        ("Due Date: 11/03/2026", None),
        ("Date: 11/03/2026\nDate: 11/04/2026", None),
        ("Invoice Date: 1/2/3/2026", None),
    ],
)
def test_a_date_is_read_as_it_is_written_in_the_us(text: str, day: str | None) -> None:
    assert values(text).get("invoice_date") == day


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("Total $1,234,567.89", "1234567.89"),
        ("Total due: USD 50.00", "50.00"),
        ("Balance Due\n$12.34", "12.34"),
        ("Grand total ........ 99.10", "99.10"),
        ("Subtotal 90.00\nTotal 99.10", "99.10"),
        ("Sub total 90.00", None),
        ("Total 10,000.00\nRetainage 1,000.00\nAmount due 9,000.00", None),
        ("Total 1.234,50", None),
        ("Total 1234", None),
        ("Total 12.345", None),
        ("Total 10.00%", None),
        ("Total (1,000.00)", None),
        ("Total -1,000.00", None),
        ("Total €1,000.00", None),
        ("Total 0.00", None),
        ("Total hours 40.00", None),
        ("Total " + "9" * 40 + ".00", None),
    ],
)
def test_a_total_is_one_amount_that_all_its_labels_agree_on(text: str, total: str | None) -> None:
    assert values(text).get("total") == total


def test_what_cannot_be_seen_is_not_kept() -> None:
    found = suggesting.suggest("Invoice No: 10\x0042\nInvoice\u202e No: 7\x1b", vendors=[])
    assert all(one.words.isprintable() and one.value.isprintable() for one in found.values())


@pytest.mark.parametrize(
    "text",
    [
        "total" + " " * 50_000,
        "invoice number" + "." * 50_000,
        "total " + ". : " * 12_000,
        "total 1" + ",111" * 12_000,
        "total 1.11" + ".," * 20_000,
        "amount due\n" * 2_500 + " USD" * 5_000,
        "invoice date " + "a" * 50_000,
        "9" * 50_000,
    ],
    ids=range(8),
)
def test_no_text_keeps_it_busy(text: str) -> None:
    begun = time.process_time()
    suggesting.suggest(text, vendors=VENDORS * 200)
    assert time.process_time() - begun < 2
