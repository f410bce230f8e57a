"""QuickBooks Desktop as an admin sets it up: the page waits for the PC and shows what it says, without a reload."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from launcher.walk import SignIn
from tests.support.desktop import DesktopEmulator
from tests.support.emulator_process import running_emulator
from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]

NAME, EMAIL, PASSWORD = "Lakeshore Builders", "admin@lakeshore.example", "lakeshore-demo-2026"
NEW_COMPANY = f"""
from companies.models import Company, Membership, Role, User
company = Company.objects.create(name={NAME!r}, time_zone="America/Chicago")
user = User.objects.create_user({EMAIL!r}, {PASSWORD!r}, name="Robin Lake")
Membership.objects.create(company=company, user=user, role=Role.ADMIN)
"""


def test_the_page_waits_for_the_pc(product: Product, visit: Callable[..., Page], tmp_path: Path) -> None:
    product.manage("shell", "--verbosity", "0", "-c", NEW_COMPANY)
    product.sign_ins["lakeshore"] = SignIn(EMAIL, PASSWORD, NAME, "admin")
    with running_emulator("desktop", tmp_path / "pc.sqlite") as address:
        pc = DesktopEmulator(address)
        pc.call_by_intuits_wsdl()
        page = visit("lakeshore")
        page.goto("/settings/accounting/")
        page.get_by_label("Name of the company file").fill("Lakeshore")
        page.get_by_role("button", name="Add a company file").click()
        password = page.locator("#password").inner_text()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the .qwc file").click()
        progress = page.locator("#pc-progress")
        expect(progress).to_contain_text("It has not called with the right password yet")

        app = str(pc.add_application(Path(download.value.path()).read_text(), "mistyped")["name"])
        assert pc.update(app)["outcome"] == "nvu"
        expect(progress).to_contain_text("has the wrong password", timeout=30_000)

        pc.type_password(app, password)
        report = pc.update(app)
        assert report["outcome"] == "done", report
        expect(progress).to_contain_text("Northgate Builders", timeout=30_000)
        expect(progress).to_contain_text("Version 34.")
        expect(progress.get_by_role("link", name="Start the Setup Wizard")).to_be_visible()
        expect(progress).not_to_contain_text("has the wrong password")
        # It is still the page that shows the password once.
        assert page.locator("#password").inner_text() == password
