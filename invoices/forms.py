"""The form of an invoice made in inBuild."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files import File
from django.utils.html import format_html

from companies.models import Company
from invoices import inbox
from invoices.models import Invoice, Money, Project
from invoices.recording import NewInvoice, NewLine

LINES = 8
TOO_MUCH = Decimal(10) ** 12


def amount_field(**kwargs: object) -> forms.DecimalField:
    money = Money()
    return forms.DecimalField(
        max_digits=money.max_digits,
        decimal_places=money.decimal_places,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "class": "form-control text-end", "autocomplete": "off"}),
        **kwargs,  # type: ignore[arg-type]
    )


class InvoiceForm(forms.Form):
    vendor_name = forms.CharField(label="Vendor", max_length=255)
    number = forms.CharField(label="Invoice number", max_length=120)
    invoice_date = forms.DateField(label="Invoice date", widget=forms.DateInput(attrs={"type": "date"}))
    due_date = forms.DateField(label="Due date", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    project = forms.ModelChoiceField(required=False, queryset=Project.objects.none(), empty_label="No project")
    pdf = forms.FileField(label="Invoice PDF", widget=forms.ClearableFileInput(attrs={"accept": "application/pdf"}))

    def __init__(self, company: Company, *args: object, asks_for_pdf: bool = True, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.company = company
        if not asks_for_pdf:
            del self.fields["pdf"]
        self.fields["vendor_name"].widget.attrs |= {"list": "known-vendors", "autocomplete": "off"}
        self.fields["project"].queryset = Project.objects.filter(company=company).order_by("number", "name")  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "form-select" if name == "project" else "form-control"

    def clean_number(self) -> str:
        return _not_empty(_plain(self.cleaned_data["number"]))

    def clean_vendor_name(self) -> str:
        return _not_empty(_plain(self.cleaned_data["vendor_name"]))

    def clean_pdf(self) -> File[bytes]:
        pdf: File[bytes] = self.cleaned_data["pdf"]
        if why := inbox.refusal(pdf):
            raise forms.ValidationError(why)
        return pdf

    def say_where_from(self, found: Mapping[str, Mapping[str, str]]) -> None:
        """Beside each field that was filled in from the PDF, the words it was read from."""
        for name in self.fields.keys() & found.keys():
            self.fields[name].help_text = format_html("Read from the PDF: “{}”. Please check.", found[name]["words"])

    def new_invoice(self, lines: tuple[NewLine, ...]) -> NewInvoice:
        gross = sum((line.gross for line in lines), Decimal(0))
        retainage = sum((line.retainage for line in lines), Decimal(0))
        given = self.cleaned_data
        return NewInvoice(
            vendor_name=given["vendor_name"],
            number=given["number"],
            invoice_date=given["invoice_date"],
            due_date=given["due_date"],
            currency=self.company.currency,
            gross=gross,
            retainage=retainage,
            amount_due=gross + retainage,
            lines=lines,
        )


class LimitForm(forms.Form):
    amount = amount_field(label="Amount", min_value=Decimal("0.01"))


class LineForm(forms.Form):
    description = forms.CharField(max_length=500)
    cost_code = forms.CharField(label="Cost code", max_length=120, required=False)
    gross = amount_field(label="Amount")
    retainage = amount_field(label="Retainage held", required=False, min_value=Decimal(0))

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for name in ("description", "cost_code"):
            self.fields[name].widget.attrs["class"] = "form-control"
        self.fields["cost_code"].widget.attrs |= {"list": "known-codes", "autocomplete": "off"}

    def new_line(self) -> NewLine:
        given = self.cleaned_data
        held = given["retainage"] or Decimal(0)
        return NewLine(_plain(given["description"]), given["gross"], -held, _plain(given["cost_code"]))


class BaseLineFormSet(forms.BaseFormSet):  # type: ignore[type-arg]
    """Every line is as good as new, also one that is filled in already: a line counts when anything stands in it."""

    def initial_form_count(self) -> int:
        return 0

    def clean(self) -> None:
        if any(self.errors):
            return
        found = new_lines(self)
        if not found:
            raise forms.ValidationError("Enter at least one line.")
        if abs(sum((line.gross for line in found), Decimal(0))) >= TOO_MUCH:
            raise forms.ValidationError("The lines come to more than an invoice can hold.")


def new_lines(lines: forms.BaseFormSet[LineForm]) -> tuple[NewLine, ...]:
    """The lines that were filled in."""
    return tuple(form.new_line() for form in lines.forms if form.has_changed() and form.is_valid())


LineFormSet = forms.formset_factory(LineForm, formset=BaseLineFormSet, extra=LINES, max_num=100, absolute_max=100)


def line_forms(data: Any = None, initial: Sequence[Mapping[str, Any]] = ()) -> BaseLineFormSet:
    """As posted; else filled in with these, and empty ones after them."""
    lines: Any = LineFormSet(data, prefix="lines", initial=list(initial))
    lines.extra = max(LINES, len(initial) + 3)
    return lines  # type: ignore[no-any-return]


def values_of(invoice: Invoice) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a draft says, as the form and its lines take it."""
    head = {
        "vendor_name": invoice.vendor.name,
        "number": invoice.number,
        "invoice_date": invoice.invoice_date,
        "due_date": invoice.due_date,
        "project": invoice.project_id,
    }
    lines = [
        {
            "description": line.description,
            "cost_code": line.cost_code.code if line.cost_code else "",
            "gross": line.gross,
            "retainage": -line.retainage if line.retainage else None,
        }
        for line in invoice.lines.select_related("cost_code").order_by("position")
    ]
    return head, lines


def _not_empty(value: str) -> str:
    if not value:
        raise forms.ValidationError("Enter something that can be seen.")
    return value


def _plain(value: str) -> str:
    """Without control characters, which no accounting system takes."""
    return "".join(character for character in value if character.isprintable()).strip()
