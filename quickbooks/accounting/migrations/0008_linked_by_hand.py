"""The wizard remembers where it was left; a bill that was linked by hand may be unlinked again."""

from django.db import migrations, models

FROZEN = """
CREATE OR REPLACE FUNCTION accounting_bill_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.generation = OLD.generation AND OLD.payload IS NOT NULL AND (
        NEW.payload IS DISTINCT FROM OLD.payload OR NEW.request_id IS DISTINCT FROM OLD.request_id
    ) THEN RAISE EXCEPTION 'the bytes of bill % are frozen', OLD.id; END IF;
    IF OLD.external_id IS NOT NULL AND NEW.external_id IS DISTINCT FROM OLD.external_id {unless}
    THEN RAISE EXCEPTION 'bill % is already in the books', OLD.id; END IF;
    RETURN NEW;
END $$;
"""
# The case before this one: a bill that a person had deleted from here.
DELETED = "AND NOT (NEW.external_id IS NULL AND OLD.state = 'synced' AND NEW.state = 'skipped')"
UNLINKED = """AND NOT (NEW.external_id IS NULL AND OLD.state = 'synced' AND (
    NEW.state = 'skipped' OR NEW.state = 'on_hold' AND OLD.is_by_hand))"""


class Migration(migrations.Migration):
    dependencies = [("accounting", "0007_changes_are_frozen")]

    operations = [
        migrations.AddField(
            model_name="integration",
            name="setup_step",
            field=models.CharField(blank=True, help_text="Where the Setup Wizard was left.", max_length=20),
        ),
        migrations.RunSQL(FROZEN.replace("{unless}", UNLINKED), FROZEN.replace("{unless}", DELETED)),
    ]
