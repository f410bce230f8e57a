"""Audit events can be added and never changed: the database itself refuses."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("companies", "0001_initial")]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION companies_audit_is_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'audit events are insert only'; END $$;
            CREATE TRIGGER audit_is_insert_only BEFORE UPDATE OR DELETE ON companies_auditevent
                FOR EACH ROW EXECUTE FUNCTION companies_audit_is_insert_only();
            """,
            """
            DROP TRIGGER audit_is_insert_only ON companies_auditevent;
            DROP FUNCTION companies_audit_is_insert_only();
            """,
        )
    ]
