"""The filters of Review."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django import forms

from procore_sync.models import MirroringPeriod, ProcoreIntegration, ProcoreProject
from procore_sync.reviewing import WHYS, Filters


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
