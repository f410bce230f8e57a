"""The Connection form of Settings → Procore, and the choice of a commitment for an invoice that is sent there."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.conf import settings

from invoices.models import Invoice
from procore_sync.commitments import Commitment
from procore_sync.connecting import Credentials


class ConnectionForm(forms.Form):
    environment = forms.ChoiceField(label="Environment")
    procore_company_id = forms.IntegerField(
        label="Procore company ID",
        min_value=1,
        max_value=2**63 - 1,
        help_text="The number after /companies/ in the address of any page in Procore.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    client_id = forms.CharField(
        label="Client ID", max_length=255, help_text="Of the service account, from the app's page in Procore."
    )
    client_secret = forms.CharField(
        label="Client secret", max_length=255, widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        choices = [(name, hosts["label"]) for name, hosts in settings.PROCORE_ENVIRONMENTS.items()]
        environment = self.fields["environment"]
        environment.choices = list(reversed(choices))  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-select" if field is environment else "form-control"

    def credentials(self) -> Credentials:
        return Credentials(**self.cleaned_data)


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
