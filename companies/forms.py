"""What people type in on the pages about members."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from companies.models import Role, User

ROLE_HELP = (
    "Accountants work on invoices and mappings. Viewers only look. Company admins also change settings and members."
)


class InviteForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        error_messages={
            "invalid": "Enter an e-mail address, as in name@example.com.",
            "required": "Enter an e-mail address, as in name@example.com.",
        },
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(label="Role", choices=Role.choices, initial=Role.ACCOUNTANT, help_text=ROLE_HELP)


class JoinForm(forms.Form):
    """The account of somebody new; the e-mail address is the one that was invited."""

    name = forms.CharField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=128,
        help_text="At least 12 characters.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="Password again",
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, email: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._email = email

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        password = given.get("password")
        if password and given.get("again") and password != given["again"]:
            self.add_error("again", "The two passwords are not the same.")
        if password:
            try:
                validate_password(password, User(email=self._email, name=given.get("name", "")))
            except ValidationError as error:
                self.add_error("password", error)
        return given
