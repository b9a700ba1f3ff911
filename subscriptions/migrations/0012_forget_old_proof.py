"""Proof that is kept no longer may go: PostgreSQL lets a consent event be deleted once no address stands in it.

Forgetting first puts the hash in the place of the address, in one transaction (`privacy.forget_ended`); an event that
still names somebody stays as protected as it was.
"""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

POSTGRESQL = """
CREATE OR REPLACE FUNCTION newsroom_keep_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
        AND to_jsonb(NEW) - 'address' = to_jsonb(OLD) - 'address'
        AND NEW.address ~ '^[0-9a-f]{64}$'
        AND (OLD.address = NEW.address OR OLD.address !~ '^[0-9a-f]{64}$')
    THEN
        RETURN NEW;
    END IF;
%s    RAISE EXCEPTION 'Rows of %% are written once.', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""
MAY_GO = """    IF TG_OP = 'DELETE' AND OLD.address ~ '^([0-9a-f]{64})?$' THEN
        RETURN OLD;
    END IF;
"""


def let_go(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL % MAY_GO, params=None)


def keep_again(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL % "", params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0011_tell_of_ended_best_ofs"),
    ]

    operations = [
        migrations.RunPython(let_go, keep_again, elidable=False),
        migrations.AlterField(
            model_name="sender",
            name="deliveries_kept_months",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="Counted from the day on which a mailing was over. Then who got which copy is deleted by itself; the account of the mailing stays. Printed in the privacy notice. Empty: nothing is deleted.",
                null=True,
                verbose_name="months records of deliveries are kept",
            ),
        ),
        migrations.AlterField(
            model_name="sender",
            name="proof_kept_years",
            field=models.PositiveSmallIntegerField(
                blank=True,
                default=3,
                help_text="Counted from the end of the year in which a reader's last subscription ended. Then address and proof are deleted by themselves. Printed in the privacy notice. Empty: nothing is deleted.",
                null=True,
                verbose_name="years the proof of consent is kept",
            ),
        ),
    ]
