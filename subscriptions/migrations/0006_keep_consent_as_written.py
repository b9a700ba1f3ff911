"""Consent events are written once: the database itself refuses to change one, but for the address becoming its hash.

That one change is what erasure needs (`privacy.erase_reader`). PostgreSQL refuses deletion, too. SQLite does not: there
`flush` and our own tests empty tables row by row, and a trigger could not tell them from anybody else.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

POSTGRESQL = """
CREATE FUNCTION newsroom_keep_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
        AND to_jsonb(NEW) - 'address' = to_jsonb(OLD) - 'address'
        AND NEW.address ~ '^[0-9a-f]{64}$'
        AND (OLD.address = NEW.address OR OLD.address !~ '^[0-9a-f]{64}$')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'Rows of % are written once.', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER subscriptions_consentevent_append_only BEFORE UPDATE OR DELETE ON subscriptions_consentevent
    FOR EACH ROW EXECUTE FUNCTION newsroom_keep_consent();
"""
POSTGRESQL_BACK = """
DROP TRIGGER subscriptions_consentevent_append_only ON subscriptions_consentevent;
DROP FUNCTION newsroom_keep_consent();
"""

_COLUMNS = (
    "id", "subscriber_id", "newsletter_id", "kind", "wording", "wording_version", "language", "form",
    "network_address", "actor", "facts", "at",
)  # fmt: skip
_IS_HASH = "length({row}.address) = 64 AND {row}.address NOT GLOB '*[^0-9a-f]*'"
SQLITE = f"""
CREATE TRIGGER subscriptions_consentevent_append_only BEFORE UPDATE ON subscriptions_consentevent
WHEN NOT (
    {" AND ".join(f"NEW.{column} IS OLD.{column}" for column in _COLUMNS)}
    AND {_IS_HASH.format(row="NEW")}
    AND (NEW.address = OLD.address OR NOT ({_IS_HASH.format(row="OLD")}))
)
BEGIN
    SELECT RAISE(ABORT, 'Rows of subscriptions_consentevent are written once.');
END
"""
SQLITE_BACK = "DROP TRIGGER IF EXISTS subscriptions_consentevent_append_only"


def close(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute(POSTGRESQL if is_postgresql else SQLITE, params=None)


def open_again(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute(POSTGRESQL_BACK if is_postgresql else SQLITE_BACK, params=None)


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0005_queue_settings_links")]

    operations = [migrations.RunPython(close, open_again, elidable=False)]
