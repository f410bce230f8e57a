"""The Connection form of Settings → Procore."""

from __future__ import annotations

from django import forms
from django.conf import settings

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
