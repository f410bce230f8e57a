"""The pages of QuickBooks Desktop, as a person reads them."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import Client

PAGE, DESKTOP = "/settings/accounting/", "/settings/accounting/desktop/"


def words(client: Client, address: str = PAGE) -> str:
    """Without the tags."""
    return _read(client.get(address, follow=True).content)


def posted(client: Client, address: str, **given: Any) -> str:
    """What is shown after that."""
    return _read(client.post(address, given, follow=True).content)


def _read(page: bytes) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.decode())).split())
