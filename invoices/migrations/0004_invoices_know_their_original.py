"""An invoice remembers which original in Procore it mirrors, so that no second one of it can ever be made."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("invoices", "0003_procore_ids_by_environment")]

    operations = [
        migrations.AddField(
            model_name="invoice",
            name="procore_environment",
            field=models.CharField(blank=True, help_text="Where that id is unique.", max_length=20),
        ),
        migrations.AddField(
            model_name="invoice", name="procore_kind", field=models.CharField(blank=True, max_length=30)
        ),
        migrations.AddField(
            model_name="invoice",
            name="procore_id",
            field=models.BigIntegerField(blank=True, help_text="Which original in Procore it mirrors.", null=True),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                fields=("company", "procore_environment", "procore_kind", "procore_id"),
                name="invoice_once_per_procore_id",
            ),
        ),
    ]
