"""Support may look at everything and change nothing."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from inbuild.fields import EncryptedTextField

APPS = ("companies", "invoices", "procore_sync", "accounting")


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Every column but the secrets and raw bytes."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        hidden = (EncryptedTextField, models.BinaryField)
        columns = self.model._meta.fields
        return [field.name for field in columns if not isinstance(field, hidden) and field.name != "password"]


# Support signs in where everybody does, second factor and all; whatever is not read-only is not there.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
for foreign in list(admin.site._registry):
    admin.site.unregister(foreign)
for app in APPS:
    for model in apps.get_app_config(app).get_models():
        admin.site.register(model, ReadOnly)
