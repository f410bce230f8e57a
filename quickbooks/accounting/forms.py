"""The posting settings of an integration."""

from __future__ import annotations

from django import forms
from django.db.models import QuerySet

from accounting import lists
from accounting.models import Integration, ListEntry


class PostingSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Which accounts bills are posted to. Only accounts of these books can be chosen."""

    class Meta:
        model = Integration
        fields = ("ap_account", "expense_account", "retainage_account")
        labels = {
            "ap_account": "Accounts payable account",
            "expense_account": "Expense account",
            "retainage_account": "Retainage account",
        }
        help_texts = {
            "ap_account": "Where bills are owed.",
            "expense_account": "Where each invoice line is posted.",
            "retainage_account": "Where retainage held back and released is posted, e.g. Retention Payable.",
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._offer("ap_account", lists.accounts(self.instance, "AccountsPayable"))
        self._offer("expense_account", lists.accounts(self.instance))
        self._offer("retainage_account", lists.accounts(self.instance))
        self.fields["retainage_account"].required = False

    def _offer(self, name: str, entries: QuerySet[ListEntry]) -> None:
        field = self.fields[name]
        field.queryset = entries  # type: ignore[attr-defined]
        field.empty_label = "Choose an account"  # type: ignore[attr-defined]
        field.widget.attrs["class"] = "form-select"
