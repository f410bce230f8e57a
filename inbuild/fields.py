"""Encrypted text in a model field."""

from __future__ import annotations

from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class CannotDecrypt(Exception):
    """A stored secret does not open with any of FIELD_KEYS, or was copied here from another field."""


@cache
def _keys(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _fernet() -> MultiFernet:
    return _keys(tuple(settings.FIELD_KEYS))


def seal(text: str, label: str) -> str:
    """Encrypt with the first of FIELD_KEYS; the label is sealed in."""
    return _fernet().encrypt(f"{label}:{text}".encode()).decode()


def unseal(sealed: str, label: str) -> str:
    """Raises CannotDecrypt rather than handing out the ciphertext, or the secret of another label."""
    try:
        plain = _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise CannotDecrypt(f"{label} cannot be decrypted with the keys in FIELD_KEYS.") from None
    if not plain.startswith(f"{label}:"):
        raise CannotDecrypt(f"{label} holds a secret of another field.")
    return plain[len(label) + 1 :]


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text encrypted at rest with the first of FIELD_KEYS; readable with any of them.

    The name of the model and field is sealed in with the text, so a ciphertext copied to another field does not open.
    """

    @property
    def _label(self) -> str:
        return f"{self.model._meta.label_lower}.{self.name}"

    def get_prep_value(self, value: Any) -> Any:
        return value if value in (None, "") else seal(str(value), self._label)

    def from_db_value(self, value: str | None, *_: BaseDatabaseWrapper | object) -> str | None:
        return unseal(value, self._label) if value else value
