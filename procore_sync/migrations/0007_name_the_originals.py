"""What was imported so far learns which original it mirrors."""

from django.db import migrations

NAME_THEM = """
UPDATE invoices_invoice
SET procore_environment = integration.environment, procore_kind = original.kind, procore_id = original.procore_id
FROM procore_sync_procoreinvoice AS original
JOIN procore_sync_procoreintegration AS integration ON integration.id = original.integration_id
WHERE original.invoice_id = invoices_invoice.id AND invoices_invoice.procore_id IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("procore_sync", "0006_connections_look_at_themselves"), ("invoices", "0004_invoices_know_their_original")]

    operations = [migrations.RunSQL(NAME_THEM, migrations.RunSQL.noop)]
