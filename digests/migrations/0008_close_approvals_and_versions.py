"""Approvals and versions of digests are written once, as the log is: the database refuses to change one.

A version may forget who made it, when that user is deleted. PostgreSQL refuses deletion, too; see
`subscriptions/migrations/0006_keep_consent_as_written.py` for why SQLite does not.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

POSTGRESQL = """
CREATE TRIGGER digests_approval_append_only BEFORE UPDATE OR DELETE ON digests_approval
    FOR EACH ROW EXECUTE FUNCTION newsroom_refuse_change();
CREATE TRIGGER digests_digestversion_undeleted BEFORE DELETE ON digests_digestversion
    FOR EACH ROW EXECUTE FUNCTION newsroom_refuse_change();
CREATE TRIGGER digests_digestversion_append_only BEFORE UPDATE ON digests_digestversion
    FOR EACH ROW
    WHEN (NEW.made_by_id IS NOT NULL OR to_jsonb(NEW) - 'made_by_id' <> to_jsonb(OLD) - 'made_by_id')
    EXECUTE FUNCTION newsroom_refuse_change();
"""
POSTGRESQL_BACK = """
DROP TRIGGER digests_approval_append_only ON digests_approval;
DROP TRIGGER digests_digestversion_undeleted ON digests_digestversion;
DROP TRIGGER digests_digestversion_append_only ON digests_digestversion;
"""

_SQLITE = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} {when}
BEGIN
    SELECT RAISE(ABORT, 'Rows of {table} are written once.');
END
"""
_KEPT = ("id", "digest_id", "number", "content", "act", "made_at")
_CHANGES_MORE = " OR ".join(
    ["NEW.made_by_id IS NOT NULL", *(f"NEW.{column} IS NOT OLD.{column}" for column in _KEPT)]
)
SQLITE = (
    _SQLITE.format(table="digests_approval", when=""),
    _SQLITE.format(table="digests_digestversion", when=f"WHEN {_CHANGES_MORE}"),
)


def close(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for statement in (POSTGRESQL,) if is_postgresql else SQLITE:
        schema_editor.execute(statement, params=None)


def open_again(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL_BACK, params=None)
        return
    for table in ("digests_approval", "digests_digestversion"):
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_append_only", params=None)


class Migration(migrations.Migration):
    dependencies = [("digests", "0007_let_groups_use_the_desk")]

    operations = [migrations.RunPython(close, open_again, elidable=False)]
