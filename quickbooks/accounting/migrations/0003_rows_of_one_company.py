"""A bill belongs to its invoice's and integration's company, and frozen bytes cannot be changed."""

from django.db import migrations

PAIRS = [
    ("accounting_bill", "invoice_id", "invoices_invoice"),
    ("accounting_bill", "integration_id", "accounting_integration"),
    ("accounting_billattempt", "bill_id", "accounting_bill"),
    ("accounting_listentry", "integration_id", "accounting_integration"),
    ("accounting_mapping", "integration_id", "accounting_integration"),
    ("accounting_mapping", "vendor_id", "invoices_vendor"),
    ("accounting_mapping", "project_id", "invoices_project"),
    ("accounting_mapping", "cost_code_id", "invoices_costcode"),
]


class Migration(migrations.Migration):
    dependencies = [("accounting", "0002_initial"), ("invoices", "0002_rows_of_one_company")]

    operations = [
        *(
            migrations.RunSQL(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_same_company FOREIGN KEY (company_id, {column}) "
                f"REFERENCES {target} (company_id, id) DEFERRABLE INITIALLY DEFERRED",
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_same_company",
            )
            for table, column, target in PAIRS
        ),
        migrations.RunSQL(
            """
            CREATE FUNCTION accounting_bill_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.generation = OLD.generation AND OLD.payload IS NOT NULL AND (
                    NEW.payload IS DISTINCT FROM OLD.payload OR NEW.request_id IS DISTINCT FROM OLD.request_id
                ) THEN RAISE EXCEPTION 'the bytes of bill % are frozen', OLD.id; END IF;
                IF OLD.external_id IS NOT NULL AND NEW.external_id IS DISTINCT FROM OLD.external_id
                THEN RAISE EXCEPTION 'bill % is already in the books', OLD.id; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER bill_is_frozen BEFORE UPDATE ON accounting_bill
                FOR EACH ROW EXECUTE FUNCTION accounting_bill_is_frozen();
            """,
            """
            DROP TRIGGER bill_is_frozen ON accounting_bill;
            DROP FUNCTION accounting_bill_is_frozen();
            """,
        ),
    ]
