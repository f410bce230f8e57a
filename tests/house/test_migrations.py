"""A version and the one after it work on the same tables at once: what a migration may do while both run."""

from __future__ import annotations

import pytest
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddField, CreateModel, DeleteModel, RemoveField, RenameField, RenameModel
from django.db.migrations.operations.fields import FieldOperation
from django.db.models import NOT_PROVIDED

OURS = ("inbuild", "companies", "invoices", "procore_sync", "accounting", "qbo", "qbd")
# Written before anybody ran inBuild: the last of each app.
BEFORE = {
    "inbuild": 1,
    "companies": 5,
    "invoices": 8,
    "procore_sync": 10,
    "accounting": 16,
    "qbo": 2,
    "qbd": 1,
}
# Taken away one version after the code let go of it: (app, migration), with the commit that let go.
LET_GO: dict[tuple[str, str], str] = {}


def later() -> list[tuple[str, str, Migration]]:
    found = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    return [
        (app, name, migration)
        for (app, name), migration in sorted(found.items())
        if app in OURS and int(name[:4]) > BEFORE[app]
    ]


@pytest.mark.parametrize(
    ("app", "name", "migration"), later(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_version_before_works_on(app: str, name: str, migration: Migration) -> None:
    made = {operation.name.lower() for operation in migration.operations if isinstance(operation, CreateModel)}
    changed = {
        operation.model_name.lower() for operation in migration.operations if isinstance(operation, FieldOperation)
    } - made
    # Each holds its lock until the end, and work under way may hold the next table's and want this one's.
    assert len(changed) <= 1 or not migration.atomic, changed
    for operation in migration.operations:
        if isinstance(operation, AddField) and operation.model_name.lower() not in made:
            field = operation.field
            # Django fills in its default itself and leaves none in the table: the version before would fail to insert.
            assert field.null or field.many_to_many or field.db_default is not NOT_PROVIDED, operation.describe()
        if isinstance(operation, RemoveField | RenameField | DeleteModel | RenameModel):
            assert (app, name) in LET_GO, operation.describe()
