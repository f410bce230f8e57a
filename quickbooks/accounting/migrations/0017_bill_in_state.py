from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """While bills are posted: neither keeps anybody from writing."""

    atomic = False

    dependencies = [
        ("accounting", "0016_list_indexes"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="bill",
            index=models.Index(fields=["company", "state"], include=["invoice", "problem"], name="bill_in_state"),
        ),
        RemoveIndexConcurrently(model_name="bill", name="bill_by_state"),
    ]
