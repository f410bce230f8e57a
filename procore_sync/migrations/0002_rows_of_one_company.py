"""What belongs to a ProcoreIntegration belongs to its company."""

from django.db import migrations

INTEGRATION = "procore_sync_procoreintegration"
PAIRS = [
    ("procore_sync_procoreproject", "integration_id", INTEGRATION),
    ("procore_sync_mirroringperiod", "integration_id", INTEGRATION),
    ("procore_sync_webhookdelivery", "integration_id", INTEGRATION),
    ("procore_sync_procoreinvoice", "integration_id", INTEGRATION),
    ("procore_sync_procoreinvoice", "invoice_id", "invoices_invoice"),
]


class Migration(migrations.Migration):
    dependencies = [("procore_sync", "0001_initial"), ("invoices", "0002_rows_of_one_company")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_same_company FOREIGN KEY (company_id, {column}) "
            f"REFERENCES {target} (company_id, id) DEFERRABLE INITIALLY DEFERRED",
            f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_same_company",
        )
        for table, column, target in PAIRS
    ]
