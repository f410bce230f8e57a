"""The new rows belong to their company too; what was set up stays set up."""

from django.db import migrations

PAIRS = [
    ("accounting_missingmapping", "bill_id", "accounting_bill"),
    ("accounting_billfile", "bill_id", "accounting_bill"),
    ("accounting_billfile", "attachment_id", "invoices_attachment"),
    ("accounting_bookedbill", "integration_id", "accounting_integration"),
]


class Migration(migrations.Migration):
    dependencies = [("accounting", "0004_books_as_they_are"), ("invoices", "0003_procore_ids_by_environment")]

    operations = [
        migrations.RunSQL(
            "UPDATE accounting_integration SET set_up_at = now() WHERE expense_account_id IS NOT NULL",
            migrations.RunSQL.noop,
        ),
        *(migrations.RunSQL(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_same_company FOREIGN KEY (company_id, {column}) "
            f"REFERENCES {target} (company_id, id) DEFERRABLE INITIALLY DEFERRED",
            f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_same_company",
        )
        for table, column, target in PAIRS),
    ]
