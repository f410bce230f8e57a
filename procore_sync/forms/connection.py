"""The Connection forms of Settings → Procore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings

from procore_sync.connecting import Credentials


def _company_id() -> forms.IntegerField:
    return forms.IntegerField(
        label="Procore company ID",
        min_value=1,
        max_value=2**63 - 1,
        help_text="The number after /companies/ in the address of any page in Procore.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "class": "form-control"}),
    )


class ConnectionForm(forms.Form):
    """A service account. Spaces around what was pasted are not part of it."""

    environment = forms.ChoiceField(label="Environment", widget=forms.Select(attrs={"class": "form-select"}))
    procore_company_id = _company_id()
    client_id = forms.CharField(
        label="Client ID",
        max_length=255,
        help_text="Of the service account, from the app's page in Procore.",
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )
    client_secret = forms.CharField(
        label="Client secret",
        max_length=255,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "form-control"}),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        choices = [(name, hosts["label"]) for name, hosts in settings.PROCORE_ENVIRONMENTS.items()]
        self.fields["environment"].choices = list(reversed(choices))  # type: ignore[attr-defined]

    def credentials(self) -> Credentials:
        return Credentials(**self.cleaned_data)


class UserForm(forms.Form):
    """Which Procore company the person who signs in at Procore connects."""

    procore_company_id = _company_id()

    def __init__(self, data: Mapping[str, Any] | None = None, *, initial: Mapping[str, Any] | None = None) -> None:
        # The service account's form on the same page has a field of this name.
        super().__init__(data, auto_id="id_user_%s", initial=dict(initial or {}))
