"""The forms of the Procore pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings

from invoices.models import Invoice
from procore_sync.commitments import Commitment
from procore_sync.connecting import Credentials
from procore_sync.models import MirroringPeriod, ProcoreIntegration, ProcoreProject
from procore_sync.reviewing import WHYS, Filters


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


class ReviewForm(forms.Form):
    """What stands in the address of Review, and comes back with what a person chose there."""

    # What cannot be typed, so that a wrong one is somebody else's or made up.
    FIXED = ("project", "why", "off")

    q = forms.CharField(required=False, max_length=100, label="Vendor or number")
    project = forms.ModelChoiceField(
        required=False, queryset=ProcoreProject.objects.none(), to_field_name="procore_id", empty_label="All projects"
    )
    since = forms.DateField(required=False, label="Approved from", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="Approved to", widget=forms.DateInput(attrs={"type": "date"}))
    why = forms.ChoiceField(required=False, choices=[("", "All"), *WHYS.items()])
    off = forms.ModelChoiceField(required=False, queryset=MirroringPeriod.objects.none())

    def __init__(self, integration: ProcoreIntegration, data: object) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.integration = integration
        projects = ProcoreProject.objects.filter(company=integration.company_id, integration=integration)
        ended = MirroringPeriod.objects.filter(company=integration.company_id, integration=integration)
        self.fields["project"].queryset = projects.order_by("number", "name")  # type: ignore[attr-defined]
        self.fields["off"].queryset = ended.exclude(ended_at=None)  # type: ignore[attr-defined]
        for name in ("q", "since", "until"):
            self.fields[name].widget.attrs["class"] = "form-control"
        self.fields["project"].widget.attrs["class"] = "form-select"

    def filters(self) -> Filters:
        """After `is_valid()`; dates and words that do not fit are left out."""
        given = self.cleaned_data
        project, until = given.get("project"), given.get("until")
        return Filters(
            why=given.get("why") or "",
            project_id=project.procore_id if project else None,
            text=given.get("q") or "",
            since=self._start_of(given.get("since")),
            until=self._start_of(until + timedelta(days=1)) if until and until < date.max else None,
            off=given.get("off"),
        )

    def kept(self) -> dict[str, str]:
        """The filters as they stand in an address."""
        return {name: self.data[name] for name in self.fields if name in self.cleaned_data and self.data.get(name)}

    def _start_of(self, day: date | None) -> datetime | None:
        zone = ZoneInfo(self.integration.company.time_zone)
        return datetime.combine(day, time.min, zone) if day else None


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
