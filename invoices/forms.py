"""The form of an invoice made in inBuild."""

from __future__ import annotations

from decimal import Decimal

from django import forms
from django.conf import settings
from django.core.files import File

from companies.models import Company
from invoices.models import Money, Project
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

    def __init__(self, company: Company, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.company = company
        self.fields["project"].queryset = Project.objects.filter(company=company).order_by("number", "name")  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "form-select" if name == "project" else "form-control"

    def clean_number(self) -> str:
        return _not_empty(_plain(self.cleaned_data["number"]))

    def clean_vendor_name(self) -> str:
        return _not_empty(_plain(self.cleaned_data["vendor_name"]))

    def clean_pdf(self) -> File[bytes]:
        """By its bytes, not by what the browser calls it."""
        pdf: File[bytes] = self.cleaned_data["pdf"]
        if (pdf.size or 0) > settings.UPLOAD_MAX_BYTES:
            raise forms.ValidationError(f"The file is larger than {settings.UPLOAD_MAX_BYTES // 1_000_000} MB.")
        head = pdf.read(1024)
        pdf.seek(0)
        if b"%PDF-" not in head:
            raise forms.ValidationError("This is not a PDF.")
        return pdf

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


class LineForm(forms.Form):
    description = forms.CharField(max_length=500)
    cost_code = forms.CharField(label="Cost code", max_length=120, required=False)
    gross = amount_field(label="Amount")
    retainage = amount_field(label="Retainage held", required=False, min_value=Decimal(0))

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for name in ("description", "cost_code"):
            self.fields[name].widget.attrs["class"] = "form-control"

    def new_line(self) -> NewLine:
        given = self.cleaned_data
        held = given["retainage"] or Decimal(0)
        return NewLine(_plain(given["description"]), given["gross"], -held, _plain(given["cost_code"]))


class BaseLineFormSet(forms.BaseFormSet):  # type: ignore[type-arg]
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


def _not_empty(value: str) -> str:
    if not value:
        raise forms.ValidationError("Enter something that can be seen.")
    return value


def _plain(value: str) -> str:
    """Without control characters, which no accounting system takes."""
    return "".join(character for character in value if character.isprintable()).strip()
