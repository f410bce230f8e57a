"""The choice of a commitment for an invoice that is sent to Procore."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms

from invoices.models import Invoice
from procore_sync.commitments import Commitment


class CommitmentForm(forms.Form):
    """Those of the invoice's vendor come first, and if there is just one, it is chosen already."""

    commitment = forms.ChoiceField(
        label="Commitment",
        error_messages={"invalid_choice": "Choose one of these commitments; Procore shows no other approved one."},
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    def __init__(self, found: Sequence[Commitment], invoice: Invoice, data: object = None) -> None:
        self._found = {str(one.procore_id): one for one in found}
        same = [one for one in found if one.is_with(invoice)]
        first = str(same[0].procore_id) if len(same) == 1 else ""
        super().__init__(data, initial={"commitment": first})  # type: ignore[arg-type]
        other = [one for one in found if not one.is_with(invoice)]
        groups = [(f"With {invoice.vendor.name}", same), ("With other vendors", other)]
        self.fields["commitment"].choices = [  # type: ignore[attr-defined]
            ("", "Choose a commitment"),
            *((name, [(str(one.procore_id), _named(one, invoice)) for one in rows]) for name, rows in groups if rows),
        ]

    def chosen(self) -> Commitment:
        return self._found[self.cleaned_data["commitment"]]


def _named(one: Commitment, invoice: Invoice) -> str:
    return str(one) if one.is_with(invoice) else f"{one.vendor_name}: {one}"
