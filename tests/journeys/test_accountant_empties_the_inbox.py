"""Two PDFs are dropped; one is entered as suggested, the other is a duplicate; sent back, mended, approved."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support import pdfs
from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]

VENDOR = "Cascade Roofing Supply"


@pytest.fixture
def limit(visit: Callable[..., Page]) -> Iterator[None]:
    """Accountants may approve up to 5,000 while this lasts; set by an admin on the page."""
    page = visit("admin")
    page.goto("/settings/approvals/")
    page.get_by_label("Accountants may approve up to").fill("5000")
    page.get_by_role("button", name="Set this limit").click()
    expect(page.locator("#may-accountant")).to_contain_text("Up to $5,000.00")
    yield
    page.goto("/settings/approvals/")
    page.get_by_role("button", name="Any amount").click()
    expect(page.locator("#may-accountant")).to_contain_text("Any amount")


def paper(folder: Path, name: str, number: str, total: str) -> Path:
    """An invoice as a vendor sends it."""
    lines = [VENDOR, "12 Mill Road", "", f"Invoice No.: {number}", "Invoice Date: 11/03/2026", "", f"Total: ${total}"]
    (folder / name).write_bytes(pdfs.pdf(lines))
    return folder / name


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
@pytest.mark.usefixtures("limit")
def test_drop_enter_reject_edit_approve(
    product: Product, visit: Callable[..., Page], tmp_path: Path, script: bool
) -> None:
    number = f"CR-{script}-77"
    known(product)
    page = visit("accountant", java_script_enabled=script)
    page.goto("/invoices/inbox/")
    files = [paper(tmp_path, "roof.pdf", number, "6,100.00"), paper(tmp_path, "again.pdf", number, "6,100.01")]
    page.locator("#files").set_input_files(files)
    page.get_by_role("button", name="Add to the inbox").click()
    until_read(page)

    page.get_by_role("link", name="Enter this invoice").first.click()
    expect(page.get_by_label("Vendor")).to_have_value(VENDOR)
    expect(page.get_by_label("Invoice number")).to_have_value(number)
    expect(page.get_by_label("Invoice date")).to_have_value("2026-11-03")
    expect(page.locator('[name="lines-0-gross"]')).to_have_value("6100.00")
    expect(page.get_by_text(f"Read from the PDF: “Invoice No.: {number}”")).to_be_visible()
    page.locator('[name="lines-0-description"]').fill("Roof, north wing")
    page.get_by_role("button", name="Save and submit for approval").click()

    # The second one leads on by itself. It has the same number.
    expect(page.get_by_text("This is the next file of the inbox.")).to_be_visible()
    page.locator('[name="lines-0-description"]').fill("Roof, north wing")
    page.get_by_role("button", name="Save and submit for approval").click()
    expect(page.get_by_text(f"This number is already invoice {number} of {VENDOR}")).to_be_visible()
    expect(page.get_by_role("button", name="Save anyway")).to_be_visible()
    page.get_by_role("link", name=f"Open invoice {number}").click()

    # Above the accountant's limit: sent back, mended, and then within it.
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    expect(page.get_by_text("Your limit is $5,000.00. A company admin can approve it.")).to_be_visible()
    page.locator("summary", has_text="Reject").click()
    page.get_by_label("Why is it rejected?").fill("The south wing is not ours.")
    page.get_by_role("button", name="Reject this invoice").click()
    expect(page.get_by_text("Rejected by", exact=False).first).to_be_visible()
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.get_by_text("The south wing is not ours.")).to_be_visible()
    page.locator('[name="lines-0-gross"]').fill("4900.00")
    page.get_by_role("button", name="Save and submit for approval").click()
    page.get_by_role("button", name="Approve").click()
    until_synced(page)
    [bill] = [each for each in product.intuit.bills() if each["doc_number"] == number]
    assert bill["total"] == "4900.00"

    page.goto("/invoices/inbox/")
    page.locator("summary", has_text="Remove").first.click()
    page.get_by_role("button", name="Remove this file").first.click()
    expect(page.get_by_text("The inbox is empty")).to_be_visible()


def known(product: Product) -> None:
    """The vendor has sent something before."""
    product.rows(
        "INSERT INTO invoices_vendor (company_id, name, procore_environment, origin_id) "
        "SELECT company_id, %s, '', '' FROM companies_membership WHERE role = 'accountant' "
        "AND NOT EXISTS (SELECT 1 FROM invoices_vendor WHERE name = %s) ORDER BY id LIMIT 1 RETURNING id",
        VENDOR,
        VENDOR,
    )


def until_read(page: Page) -> None:
    """The page shows it by itself, or, without JavaScript, when it is loaded again."""
    for _ in range(60):
        if page.locator("#inbox-files .state", has_text="Being read").count() == 0:
            break
        page.wait_for_timeout(500)
        if page.get_by_role("link", name="Show what was read meanwhile").is_visible():
            page.get_by_role("link", name="Show what was read meanwhile").click()
    expect(page.locator("#inbox-files .state", has_text="Read")).to_have_count(2)


def until_synced(page: Page) -> None:
    for _ in range(60):
        # A pattern, as the case of plain words does not count: "mark it as synced" is offered before it is.
        if page.locator("#bill-card").filter(has_text=re.compile("Synced")).count():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError("It did not get to QuickBooks.")
