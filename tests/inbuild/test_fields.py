"""Secrets at rest: sealed, rotatable, bound to their place."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from companies.models import Company
from inbuild.fields import CannotDecrypt, seal, unseal
from procore_sync.models import ProcoreIntegration


@pytest.mark.django_db
def test_what_is_stored_is_not_what_was_given(company: Company) -> None:
    row = ProcoreIntegration.objects.create(
        company=company, environment="sandbox", procore_company_id=1, client_id="a", client_secret="plain-secret"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT client_secret, hook_secret FROM procore_sync_procoreintegration")
        stored, empty = cursor.fetchone()
    assert "plain-secret" not in stored
    assert empty == ""
    row.refresh_from_db()
    assert row.client_secret == "plain-secret"


@pytest.mark.django_db
def test_a_ciphertext_copied_to_another_field_does_not_open(company: Company) -> None:
    ProcoreIntegration.objects.create(
        company=company, environment="sandbox", procore_company_id=1, client_id="a", client_secret="plain-secret"
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procore_sync_procoreintegration SET hook_secret = client_secret")
    with pytest.raises(CannotDecrypt):
        ProcoreIntegration.objects.get()


def test_keys_rotate_and_a_missing_key_is_loud(settings: object) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_KEYS = [old]  # type: ignore[attr-defined]
    sealed = seal("secret", "here")
    settings.FIELD_KEYS = [new, old]  # type: ignore[attr-defined]
    assert unseal(sealed, "here") == "secret"
    settings.FIELD_KEYS = [new]  # type: ignore[attr-defined]
    with pytest.raises(CannotDecrypt):
        unseal(sealed, "here")
