"""The new rows belong to their company too, and ids of Procore's say which environment they are of."""

from django.db import migrations

INTEGRATION = "procore_sync_procoreintegration"
PAIRS = [
    ("procore_sync_backfill", "integration_id", INTEGRATION),
    ("procore_sync_sentinvoice", "integration_id", INTEGRATION),
    ("procore_sync_sentinvoice", "invoice_id", "invoices_invoice"),
    ("procore_sync_procoreinvoice", "backfill_id", "procore_sync_backfill"),
    ("procore_sync_procoreattachment", "procore_invoice_id", "procore_sync_procoreinvoice"),
    ("procore_sync_procoreattachment", "attachment_id", "invoices_attachment"),
]


def name_the_environment(apps, schema_editor):
    """Until now a company could only ever have met one environment's ids: those of its latest integration."""
    for integration in apps.get_model("procore_sync", "ProcoreIntegration").objects.order_by("id"):
        for name in ("Vendor", "Project"):
            rows = apps.get_model("invoices", name).objects.filter(company_id=integration.company_id)
            rows.exclude(procore_id=None).update(procore_environment=integration.environment)


class Migration(migrations.Migration):
    dependencies = [("procore_sync", "0003_procore_as_it_is"), ("invoices", "0003_procore_ids_by_environment")]

    operations = [
        migrations.RunPython(name_the_environment, migrations.RunPython.noop),
        *(
            migrations.RunSQL(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_same_company FOREIGN KEY (company_id, {column}) "
                f"REFERENCES {target} (company_id, id) DEFERRABLE INITIALLY DEFERRED",
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_same_company",
            )
            for table, column, target in PAIRS
        ),
    ]
