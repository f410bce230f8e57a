"""The account that bills are owed in is chosen, though a bill's lines must not name it."""

from __future__ import annotations

import pytest

from accounting import preflight, setup
from accounting.models import Integration, ListEntry
from companies.models import Company

pytestmark = pytest.mark.django_db


def test_accounts_payable_can_be_owed_in_and_not_posted_to(company: Company) -> None:
    integration = Integration.objects.create(company=company, kind="qbd", external_id="{1}", state="connected")
    payable, costs = (
        ListEntry.objects.create(
            company=company,
            integration=integration,
            kind=ListEntry.Kind.ACCOUNT,
            external_id=name,
            name=name,
            subtype=subtype,
            is_usable=subtype != "AccountsPayable",
        )
        for name, subtype in (("Accounts Payable", "AccountsPayable"), ("Job Costs", "CostOfGoodsSold"))
    )
    assert list(setup.choices("ap_account", integration)) == [payable]
    assert list(setup.choices("expense_account", integration)) == [costs]
    integration.ap_account, integration.expense_account = payable, costs
    assert preflight._chosen(integration) == []
    integration.expense_account = payable
    assert [one["state"] for one in preflight._chosen(integration)] == ["bad"]
