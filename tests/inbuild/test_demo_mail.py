"""The demo's mail: on a page that only the demo has."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import RequestFactory

from inbuild import demo_mail
from launcher.checks import _production_variables, _test_variables
from launcher.environment import for_process
from launcher.places import ROOT


def test_the_page_shows_what_the_demo_would_have_sent_the_newest_first(settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    assert "No mail yet" in shown()
    for number in (1, 2):
        message = EmailMultiAlternatives(
            f"Mail {number} of ÄÖ", "See <here>: http://testserver/notifications/", to=["dana@northgate.example"]
        )
        message.attach_alternative("<p>in another form</p>", "text/html")
        message.send()
        time.sleep(0.02)  # a file's time is only known to a few milliseconds
    page = shown()
    assert page.index("Mail 2 of ÄÖ") < page.index("Mail 1 of ÄÖ")
    assert page.count("dana@northgate.example") == 2
    assert "See &lt;here&gt;:" in page
    assert '<a href="http://testserver/notifications/"' in page
    assert "in another form" not in page


def shown() -> str:
    return demo_mail.mails(RequestFactory().get("/demo/mail/")).content.decode()


@pytest.mark.parametrize(("mode", "has_it"), [("demo", True), ("test", False), ("production", False)])
def test_only_the_demo_has_the_page(mode: str, has_it: bool) -> None:
    variables = _production_variables() if mode == "production" else _test_variables() | {"INBUILD_ENV": mode}
    script = "import django; django.setup(); from django.urls import resolve; print(resolve('/demo/mail/').url_name)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=for_process(variables), capture_output=True, text=True
    )
    assert (done.returncode == 0) is has_it
    assert ("Resolver404" in done.stderr) is not has_it
