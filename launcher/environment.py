"""The environment the product's processes get from us. Names and meaning: .env.example."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

NOWHERE = "http://127.0.0.1:9"
"""An address where nothing listens: a test that forgets its emulator fails at once."""

Mode = Literal["demo", "test"]

# These are the launcher's to decide; everything else of the person's environment is passed on.
_CARRIED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LOG_LEVEL", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Secrets:
    secret_key: str
    field_keys: str

    @classmethod
    def new(cls) -> Secrets:
        return cls(secrets.token_urlsafe(50), base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())

    @classmethod
    def kept_in(cls, file: Path) -> Secrets:
        """Made once and kept: with a new key the stored Procore and QuickBooks secrets would be unreadable."""
        if not file.exists():
            fresh = cls.new()
            unfinished = file.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                json.dump({"secret_key": fresh.secret_key, "field_keys": fresh.field_keys}, handle)
            unfinished.rename(file)
        return cls(**json.loads(file.read_text()))


def product_variables(
    mode: Mode,
    *,
    keys: Secrets,
    database_url: str,
    redis_url: str,
    media: Path,
    public_url: str,
    procore_url: str = NOWHERE,
    intuit_url: str = NOWHERE,
    email_url: str = "consolemail://",
) -> dict[str, str]:
    """Exactly the variables that `inbuild/settings.py` reads outside production."""
    return {
        "INBUILD_ENV": mode,
        "DJANGO_SETTINGS_MODULE": "inbuild.settings",
        "SECRET_KEY": keys.secret_key,
        "FIELD_KEYS": keys.field_keys,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PUBLIC_URL": public_url,
        "MEDIA_ROOT": str(media),
        "EMAIL_URL": email_url,
        "PROCORE_CUSTOM_LABEL": "Procore emulator",
        "PROCORE_CUSTOM_LOGIN_URL": procore_url,
        "PROCORE_CUSTOM_API_URL": procore_url,
        "PROCORE_CUSTOM_UI_URL": procore_url,
        "PROCORE_CLIENT_ID": "demo-procore-client",
        "PROCORE_CLIENT_SECRET": "demo-procore-secret",
        "PROCORE_CLIENT_ENVIRONMENT": "custom",
        "QBO_CLIENT_ID": "demo-qbo-client",
        "QBO_CLIENT_SECRET": "demo-qbo-secret",
        "QBO_WEBHOOK_VERIFIER_TOKEN": "demo-verifier-token",
        "QBO_DISCOVERY_URL": f"{intuit_url}/.well-known/openid_configuration",
        "QBO_API_URL": f"{intuit_url}/v3",
        "QBO_UI_URL": intuit_url,
    }


def for_process(variables: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of one child: ours, and only what is harmless of the person's (no proxy, no real keys)."""
    carried = {name: os.environ[name] for name in _CARRIED if name in os.environ}
    return {**carried, "PYTHONUNBUFFERED": "1", **variables}
