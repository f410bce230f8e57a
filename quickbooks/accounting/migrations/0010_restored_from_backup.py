"""The moment from which on bills are looked for that a restored backup may have forgotten."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounting", "0009_followed_books")]

    operations = [
        migrations.AddField(
            model_name="integration",
            name="restored_at",
            field=models.DateTimeField(help_text="When the database was last restored from a backup.", null=True),
        ),
    ]
