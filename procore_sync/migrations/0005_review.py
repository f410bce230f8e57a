"""What Review needs: amounts with their currency, what a person dismissed, when each was imported, and indexes."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0002_audit_is_insert_only'),
        ('invoices', '0003_procore_ids_by_environment'),
        ('procore_sync', '0004_rows_of_one_company'),
    ]

    operations = [
        migrations.AddField(
            model_name='procoreinvoice',
            name='currency',
            field=models.CharField(blank=True, help_text="Blank: read before it was noted; the company's.", max_length=3),
        ),
        migrations.AddField(
            model_name='procoreinvoice',
            name='dismissed',
            field=models.BooleanField(default=False, help_text='A person wants it neither imported nor offered.'),
        ),
        migrations.AddField(
            model_name='procoreinvoice',
            name='imported_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='procoreinvoice',
            index=models.Index(models.F('integration'), models.OrderBy(models.F('billing_date'), descending=True, nulls_last=True), models.OrderBy(models.F('id'), descending=True), condition=models.Q(('gate__in', ['mirroring', 'switch', 'quickbooks']), ('invoice__isnull', True)), name='procore_invoice_to_review'),
        ),
        migrations.AddIndex(
            model_name='procoreinvoice',
            index=models.Index(fields=['integration', 'approved_at'], name='procore_invoice_approved'),
        ),
        migrations.AddIndex(
            model_name='procoreinvoice',
            index=models.Index(condition=models.Q(('imported_at__isnull', False)), fields=['integration', 'imported_at'], name='procore_invoice_imported'),
        ),
        migrations.RunSQL(
            "UPDATE procore_sync_procoreinvoice row SET imported_at = invoice.created_at "
            "FROM invoices_invoice invoice WHERE invoice.id = row.invoice_id",
            migrations.RunSQL.noop,
        ),
    ]
