"""What frozen bytes for QuickBooks Desktop say of each line, in a new bill and in an update."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounting.books import LineSent
from qbd import document


@pytest.mark.parametrize("how", ["Add", "Mod"])
def test_lines_with_accounts_come_before_lines_with_items(how: str) -> None:
    payload = (
        f"<Bill{how}Rq requestID='1'><Bill{how}>"
        f"<ExpenseLine{how}><AccountRef><ListID>80-1</ListID></AccountRef><Amount>-100.01</Amount>"
        f"<Memo>Retainage withheld</Memo></ExpenseLine{how}>"
        f"<ItemLine{how}><ItemRef><ListID>70-2</ListID></ItemRef><Desc>05-100 - Steel</Desc><Amount>1000.10</Amount>"
        f"</ItemLine{how}></Bill{how}></Bill{how}Rq>"
    )
    assert document.lines_sent(payload.encode()) == [
        LineSent("Retainage withheld", Decimal("-100.01"), "account", "80-1"),
        LineSent("05-100 - Steel", Decimal("1000.10"), "item", "70-2"),
    ]
