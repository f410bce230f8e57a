from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounting', '0011_payments_are_procores'),
    ]

    operations = [
        migrations.AlterField(
            model_name='integration',
            name='compared_at',
            field=models.DateTimeField(help_text='When all bills were last compared with the books.', null=True),
        ),
    ]
