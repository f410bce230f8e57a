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


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text encrypted at rest with the first of FIELD_KEYS; readable with any of them.

    The name of the model and field is sealed in with the text, so a ciphertext copied to another field does not open.
    Raises CannotDecrypt rather than handing out the ciphertext.
    """

    @property
    def _label(self) -> str:
        return f"{self.model._meta.label_lower}.{self.name}:"

    def get_prep_value(self, value: Any) -> Any:
        if value in (None, ""):
            return value
        return _fernet().encrypt(f"{self._label}{value}".encode()).decode()

    def from_db_value(self, value: str | None, *_: BaseDatabaseWrapper | object) -> str | None:
        if not value:
            return value
        try:
            plain = _fernet().decrypt(value.encode()).decode()
        except InvalidToken:
            raise CannotDecrypt(f"{self._label[:-1]} cannot be decrypted with the keys in FIELD_KEYS.") from None
        if not plain.startswith(self._label):
            raise CannotDecrypt(f"{self._label[:-1]} holds a secret of another field.")
        return plain[len(self._label) :]
