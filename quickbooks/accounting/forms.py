"""The posting settings as forms, one for each step of the Setup Wizard."""

from __future__ import annotations

from typing import Any, cast

from django import forms

from accounting import setup
from accounting.models import Integration, ListEntry

LABELS = {
    "ap_account": "Accounts payable account",
    "line_mode": "Bill lines are posted to",
    "expense_account": "Default account",
    "expense_item": "Default item",
    "codes_by": "Posted by",
    "retainage_account": "Retainage account",
    "retainage_item": "Retainage item",
    "project_use": "Customers and projects",
    "class_use": "Classes",
    "location": "Location",
    "due_date_rule": "Bills are due",
    "term": "Payment term",
    "due_days": "Days after the invoice date",
    "creates_vendors": "Create vendors in QuickBooks by themselves",
}
EMPTY = {
    "ap_account": "Choose an account",
    "expense_account": "None: each cost code must be mapped",
    "expense_item": "None: each cost code must be mapped",
    "retainage_account": "None: invoices with retainage wait",
    "retainage_item": "None: invoices with retainage wait",
    "location": "None",
    "term": "None",
}
RADIOS = ("line_mode", "codes_by", "project_use", "class_use", "due_date_rule")


class SettingForm(forms.ModelForm):  # type: ignore[type-arg]
    """Some of the posting settings. Only entries of these books can be chosen."""

    class Meta:
        model = Integration
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = LABELS[name]
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = setup.choices(name, self.instance)
                field.empty_label = EMPTY[name]
                field.required = name == "ap_account"
                field.widget.attrs["class"] = "form-select"
            if name in RADIOS and isinstance(field, forms.TypedChoiceField):
                field.widget = forms.RadioSelect(choices=field.widget.choices)
            if name.startswith("retainage_"):
                self._suggest(name, setup.suggested_retainage(self.instance))
            if name == "ap_account":
                self._suggest(name, setup.only_payable(self.instance))
        self._fit_to_desktop()

    def _fit_to_desktop(self) -> None:
        """QuickBooks Desktop has jobs where Online has projects, and an Item List."""
        if self.instance.kind != Integration.Kind.QBD:
            return
        if "project_use" in self.fields:
            self.fields["project_use"].label = "Customers and jobs"
        if "line_mode" in self.fields:
            cast(forms.ChoiceField, self.fields["line_mode"]).choices = setup.line_modes(self.instance)

    def _suggest(self, name: str, found: ListEntry | None) -> None:
        """Preselected and said so; nothing is stored before a person saves it."""
        if found is not None and getattr(self.instance, name) is None:
            self.initial[name] = found.pk
            self.fields[name].help_text = f"Suggested: {found.name}. Nothing is stored until you save."

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("due_date_rule") == Integration.DueDate.TERM and not given.get("term"):
            self.add_error("term", "Choose the payment term.")
        return given


def form_of(step: setup.Step, integration: Integration, data: Any = None) -> SettingForm:
    names = setup.fields(step, integration)
    made: type[Any] = forms.modelform_factory(Integration, form=SettingForm, fields=names)
    return cast(SettingForm, made(data, instance=integration))
