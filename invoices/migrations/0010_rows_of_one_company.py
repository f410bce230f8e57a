"""A file of the inbox can only have become an invoice of its own company."""

from django.db import migrations

TABLE, COLUMN, TARGET = "invoices_inboxfile", "invoice_id", "invoices_invoice"


class Migration(migrations.Migration):
    dependencies = [("invoices", "0009_inbox_and_approval")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {TABLE} ADD CONSTRAINT {TABLE}_{COLUMN}_same_company FOREIGN KEY (company_id, {COLUMN}) "
            f"REFERENCES {TARGET} (company_id, id) DEFERRABLE INITIALLY DEFERRED",
            f"ALTER TABLE {TABLE} DROP CONSTRAINT {TABLE}_{COLUMN}_same_company",
        )
    ]
