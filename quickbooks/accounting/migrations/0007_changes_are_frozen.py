"""A change belongs to its bill's company, its sent bytes stay as they are, and a deleted bill may lose its id."""

from django.db import migrations

OLD = """
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
DELETED = "AND NOT (NEW.external_id IS NULL AND OLD.state = 'synced' AND NEW.state = 'skipped')"


class Migration(migrations.Migration):
    dependencies = [("accounting", "0006_bill_changes")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE accounting_billchange ADD CONSTRAINT accounting_billchange_bill_id_same_company "
            "FOREIGN KEY (company_id, bill_id) REFERENCES accounting_bill (company_id, id) "
            "DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE accounting_billchange DROP CONSTRAINT accounting_billchange_bill_id_same_company",
        ),
        migrations.RunSQL(OLD.replace("{unless}", DELETED), OLD.replace("{unless}", "")),
        migrations.RunSQL(
            """
            CREATE FUNCTION accounting_change_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF OLD.state <> 'ready' AND NEW.payload IS DISTINCT FROM OLD.payload
                THEN RAISE EXCEPTION 'the bytes of change % are frozen', OLD.id; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER change_is_frozen BEFORE UPDATE ON accounting_billchange
                FOR EACH ROW EXECUTE FUNCTION accounting_change_is_frozen();
            """,
            """
            DROP TRIGGER change_is_frozen ON accounting_billchange;
            DROP FUNCTION accounting_change_is_frozen();
            """,
        ),
    ]
