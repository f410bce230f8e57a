"""Every form in which a page of Procore, QuickBooks or inBuild can be pasted."""

from __future__ import annotations

from uuid import UUID

import pytest

from procore_sync import links
from procore_sync.links import Foreign, InbuildInvoice, ProcorePage, QuickBooksBill

PLACES = links.Places(
    procore={"production": "https://app.procore.com", "sandbox": "https://sandbox.procore.com"},
    inbuild="https://inbuild.example",
    quickbooks="https://app.qbo.intuit.com",
)
UI = "https://app.procore.com"
HOST = f"{UI}/webclients/host/companies/77/projects/5/tools"
SUB = "subcontractor_invoice"


@pytest.mark.parametrize(
    ("text", "page"),
    [
        (
            f"{UI}/5/project/commitments/work_order_contracts/6/requisitions/9",
            ProcorePage("production", 5, None, 6, SUB, 9),
        ),
        (
            f"  {UI}/5/project/commitments/purchase_order_contracts/6/requisitions/9/?tab=detail#top ",
            ProcorePage("production", 5, None, 6, SUB, 9),
        ),
        (
            "app.procore.com/5/project/contracts/commitments/purchase_order_contracts/6/requisitions/9",
            ProcorePage("production", 5, None, 6, SUB, 9),
        ),
        (
            "https://us02.procore.com/5/project/commitments/work_order_contracts/6/requisitions/9/edit",
            ProcorePage("production", 5, None, 6, SUB, 9),
        ),
        (
            "https://SANDBOX.procore.com/5/project/commitments/work_order_contracts/6/requisitions/9",
            ProcorePage("sandbox", 5, None, 6, SUB, 9),
        ),
        (f"{HOST}/contracts/commitments/work_order_contracts/6/invoices", ProcorePage("production", 5, 77, 6)),
        (
            f"{HOST}/contracts/commitments/purchase_order_contracts/6/invoices?page=2",
            ProcorePage("production", 5, 77, 6),
        ),
        (
            f"{HOST}/contracts/commitments/work_order_contracts/6/invoices/9",
            ProcorePage("production", 5, 77, 6, SUB, 9),
        ),
        (f"{HOST}/invoicing/subcontractor", ProcorePage("production", 5, 77)),
        (f"{UI}/5/project/direct_costs", ProcorePage("production", 5)),
        (f"{UI}/5/project/direct_costs/8?x=1", ProcorePage("production", 5, None, None, "direct_cost", 8)),
        (f"{HOST}/direct-costs/8", ProcorePage("production", 5, 77, None, "direct_cost", 8)),
        (f"{UI}/", ProcorePage("production")),
        (
            "https://inbuild.example/invoices/6f9619ff-8b86-4d01-b42d-00cf4fc964ff/",
            InbuildInvoice(UUID("6f9619ff-8b86-4d01-b42d-00cf4fc964ff")),
        ),
        ("https://app.qbo.intuit.com/app/bill?txnId=145", QuickBooksBill("145")),
        ("https://qbo.intuit.com/app/bill?txnId=145&realm=9", QuickBooksBill("145")),
        ("https://app.qbo.intuit.com/app/bill?txnId=1%27%20OR", Foreign("app.qbo.intuit.com")),
        ("https://procore.com.evil.example/5/project/direct_costs/8", Foreign("procore.com.evil.example")),
        ("https://evil-app.procore.com/5/project/direct_costs/8", Foreign("evil-app.procore.com")),
        ("https://intuit.com.evil.example/app/bill?txnId=1", Foreign("intuit.com.evil.example")),
        ("https://[::1/broken", None),
        ("SC-24/7", None),
        ("INV 5", None),
        ("1001.2/b", None),
        ("", None),
    ],
)
def test_reading(text: str, page: links.Page | None) -> None:
    assert links.read(text, PLACES) == page


def test_a_very_long_text_is_no_address() -> None:
    assert links.read(f"{UI}/" + "9" * 5000, PLACES) is None
    assert links.read(f"{UI}/{'9' * 400}/project/direct_costs/8", PLACES) == ProcorePage("production")
