"""An invoice can only name a vendor and project of its own company, a line only its own company's invoice."""

from django.db import migrations

PAIRS = [
    ("invoices_invoice", "vendor_id", "invoices_vendor"),
    ("invoices_invoice", "project_id", "invoices_project"),
    ("invoices_invoiceline", "invoice_id", "invoices_invoice"),
    ("invoices_invoiceline", "cost_code_id", "invoices_costcode"),
    ("invoices_attachment", "invoice_id", "invoices_invoice"),
]


class Migration(migrations.Migration):
    dependencies = [("invoices", "0001_initial")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_same_company FOREIGN KEY (company_id, {column}) "
            f"REFERENCES {target} (company_id, id) DEFERRABLE INITIALLY DEFERRED",
            f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_same_company",
        )
        for table, column, target in PAIRS
    ]
