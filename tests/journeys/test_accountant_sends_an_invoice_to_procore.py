"""An admin allows it, an accountant sends an invoice to Procore, it is approved there, and its bill is made once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.looks import mistakes
from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]

SETTING = "Send invoices made in inBuild to Procore"


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_sent_approved_there_and_synced(
    script: bool, product: Product, visit: Callable[..., Page], tmp_path: Path
) -> None:
    number = f"OUT-{script}"
    product.procore.switches(open_invoice_refuses_next=False)
    contract = _known_contract(product)
    _allow(visit("admin", java_script_enabled=script))
    page = visit("accountant", java_script_enabled=script)
    _make(page, contract, number, tmp_path)
    page.get_by_role("link", name="Send to Procore").click()
    page.get_by_label("Commitment", exact=True).select_option(str(contract["id"]))
    page.get_by_role("button", name="Send to Procore").click()
    there = _soon(lambda: _there(product, number))
    _until(page, "#sent-card", "Under Review", reload=not script)
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    product.procore.approve(there["id"])
    _until(page, "#bill-card", "Synced", reload=not script)
    [bill] = [each for each in product.intuit.bills() if each["doc_number"] == number]
    assert bill["total"] == "250.00"
    assert len(product.procore.invoices(text=number)) == 1


def test_its_pages_are_for_everybody(product: Product, visit: Callable[..., Page], tmp_path: Path) -> None:
    number = "AXE-1"
    product.procore.switches(open_invoice_refuses_next=False)
    contract = _known_contract(product)
    admin = visit("admin")
    _allow(admin)
    found = mistakes(admin, "setting")
    page = visit("accountant")
    _make(page, contract, number, tmp_path)
    found |= mistakes(page, "not sent")
    address = page.url
    viewer = visit("viewer")
    viewer.goto(address)
    expect(viewer.locator("#sent-card").get_by_role("button")).to_be_disabled()
    found |= mistakes(viewer, "viewer")
    page.get_by_role("link", name="Send to Procore").click()
    found |= mistakes(page, "form")
    rule = product.procore.fault("403", method="POST", path="/rest/v1.1/requisitions", times=1)
    page.get_by_label("Commitment", exact=True).select_option(index=1)
    page.get_by_role("button", name="Send to Procore").click()
    _until(page, "#sent-card", "does not let inBuild create")
    found |= mistakes(page, "refused")
    product.procore.delete(f"faults/{rule}")
    page.get_by_role("button", name="Try again").click()
    _until(page, "#sent-card", "Under Review")
    found |= mistakes(page, "sent")
    assert found == {}


def _known_contract(product: Product) -> dict[str, Any]:
    """A commitment of a project that inBuild knows, because an invoice on it was imported; with its vendor's name."""
    record = product.procore.create(status="under_review")
    product.procore.approve(record["id"])
    asked = "SELECT 1 FROM procore_sync_procoreinvoice WHERE procore_id = %s AND decision = 'imported'"
    _soon(lambda: product.rows(asked, record["id"]))
    project = "SELECT name FROM invoices_project WHERE procore_id = %s"
    found: list[dict[str, Any]] = product.procore.get("objects/commitment")
    [contract] = [one for one in found if one["id"] == record["commitment_id"]]
    names = {"vendor_name": record["vendor_name"], "project_name": product.rows(project, record["project_id"])[0][0]}
    known: dict[str, Any] = contract | names
    return known


def _soon(found: Callable[[], Any]) -> Any:
    for _ in range(120):
        if answer := found():
            return answer
        time.sleep(0.25)
    raise AssertionError("It did not happen within 30 s.")


def _allow(page: Page) -> None:
    page.goto("/settings/procore/")
    switch = page.get_by_role("switch", name=SETTING)
    if switch.get_attribute("aria-checked") == "false":
        switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")


def _make(page: Page, contract: Any, number: str, folder: Path) -> None:
    pdf = folder / "invoice.pdf"
    pdf.write_bytes(b"%PDF-1.4\n%%EOF")
    page.goto("/invoices/new/")
    page.get_by_label("Vendor").fill(contract["vendor_name"])
    page.get_by_label("Invoice number").fill(number)
    page.get_by_label("Invoice date").fill("2026-11-02")
    project = page.get_by_label("Project").locator("option").filter(has_text=contract["project_name"]).first
    page.get_by_label("Project").select_option(project.get_attribute("value"))
    page.locator('input[type="file"]').set_input_files(pdf)
    page.locator('[name="lines-0-description"]').fill(contract["lines"][0]["description"])
    page.locator('[name="lines-0-cost_code"]').fill(contract["lines"][0]["wbs_code"]["flat_code"])
    page.locator('[name="lines-0-gross"]').fill("250.00")
    page.get_by_role("button", name="Save").first.click()
    expect(page.locator("#sent-card")).to_be_visible()


def _there(product: Product, number: str) -> Any:
    return next(iter(product.procore.invoices(text=number)), None)


def _until(page: Page, card: str, words: str, *, reload: bool = False) -> None:
    """The card says so by itself, or, without JavaScript, when the page is loaded again."""
    for _ in range(40 if reload else 0):
        if page.locator(card).filter(has_text=re.compile(re.escape(words))).count():
            return
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator(card)).to_contain_text(words, timeout=20_000)
