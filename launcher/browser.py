"""A person with a browser, without the browser: opens pages, finds a form, fills it in and sends it.

Forms are read from the pages themselves, so hidden fields and CSRF tokens are sent as a browser would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

TIMEOUT = 30


class WalkFailed(Exception):
    """A page was not what a person would have needed; the text says where."""


@dataclass
class Form:
    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    choices: dict[str, dict[str, str]] = field(default_factory=dict)
    """For every select: value → label."""
    switched_on: bool | None = None
    """What the form's switch shows; None without one."""

    def choose(self, name: str, *wanted: str) -> str:
        """The value of the first choice whose label contains one of the words, in the order of the words."""
        offered = {value: label for value, label in self.choices.get(name, {}).items() if value}
        for word in wanted:
            for value, label in offered.items():
                if word.lower() in label.lower():
                    return value
        raise WalkFailed(f"{self.action} offers no {' or '.join(wanted)!s} for {name}: {', '.join(offered.values())}.")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.text: list[str] = []
        self._form: Form | None = None
        self._select = ""
        self._option: str | None = None
        self._area = ""
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("script", "style", "head"):
            self._silent += 1
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is not None:
            self._field(self._form, tag, given, dict(attrs))

    def _field(self, form: Form, tag: str, given: dict[str, str], attributes: Mapping[str, str | None]) -> None:
        name = given.get("name", "")
        if given.get("role") == "switch":
            form.switched_on = given.get("aria-checked", str("checked" in attributes)).lower() == "true"
        if tag == "input" and name:
            kind = given.get("type", "text").lower()
            ticked = kind not in ("checkbox", "radio") or "checked" in attributes
            if kind not in ("submit", "button", "image", "file", "reset") and ticked:
                form.values[name] = given.get("value", "on" if kind == "checkbox" else "")
        elif tag == "textarea" and name:
            self._area = name
            form.values[name] = ""
        elif tag == "select" and name:
            self._select = name
            form.choices[name] = {}
        elif tag == "option" and self._select:
            self._option = given.get("value", "")
            form.choices[self._select][self._option] = ""
            # A browser sends the selected choice, else the first.
            if "selected" in attributes or self._select not in form.values:
                form.values[self._select] = self._option

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._select and self._option is not None:
            self._form.choices[self._select][self._option] += data.strip()
        elif self._form is not None and self._area:
            self._form.values[self._area] += data
        elif not self._silent and data.strip():
            self.text.append(" ".join(data.split()))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "head"):
            self._silent = max(0, self._silent - 1)
        elif tag == "form":
            self._form, self._select, self._option, self._area = None, "", None, ""
        elif tag == "select":
            self._select, self._option = "", None
        elif tag == "option":
            self._option = None
        elif tag == "textarea":
            self._area = ""


class Browser:
    """One person's session. The page shown last is `url`, `forms`, `text` and `source`."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.url = base
        self.forms: list[Form] = []
        self.text = ""
        self.source = ""
        self._session = requests.Session()
        # The person's proxy has no business between two processes on this machine.
        self._session.trust_env = False

    def open(self, address: str) -> None:
        self._show(self._session.get(urljoin(self.base, address), timeout=TIMEOUT))

    def form(self, part: str, end: str = "") -> Form | None:
        """The first form on the page whose address has this part and this end."""
        for form in self.forms:
            path = urlsplit(form.action).path
            if part in path and path.endswith(end):
                return form
        return None

    def send(self, form: Form, changes: Mapping[str, str]) -> None:
        """Send the form with these fields changed, and follow to the page that a person would see next."""
        address, values = urljoin(self.url, form.action or self.url), form.values | dict(changes)
        if form.method == "post":
            # Without it Django takes the request for one from another site.
            headers = {"Referer": self.url, "Origin": "{0.scheme}://{0.netloc}".format(urlsplit(self.url))}
            self._show(self._session.post(address, data=values, headers=headers, timeout=TIMEOUT))
        else:
            self._show(self._session.get(address, params=values, timeout=TIMEOUT))

    def _show(self, answer: requests.Response) -> None:
        page = _Page()
        page.feed(answer.text)
        self.url, self.forms, self.text = answer.url, page.forms, "\n".join(page.text)
        self.source = answer.text
        if answer.status_code >= 400:
            where = f"{answer.request.method} {answer.url}"
            raise WalkFailed(f"{where} answered {answer.status_code}:\n{_shortened(self.text)}")


def _shortened(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[:25])
