"""The admin's log is written once: PostgreSQL refuses to change or delete a row of it, whoever asks."""

from django.apps import apps as current_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

CLOSE = """
CREATE FUNCTION newsroom_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are written once.', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER django_admin_log_append_only BEFORE UPDATE OR DELETE ON django_admin_log
    FOR EACH ROW EXECUTE FUNCTION newsroom_refuse_change();
"""
OPEN = """
DROP TRIGGER django_admin_log_append_only ON django_admin_log;
DROP FUNCTION newsroom_refuse_change();
"""


def close(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CLOSE, params=None)


def open_again(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(OPEN, params=None)


def let_the_group_read_it(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    from digests.roles import bring_up_to_date

    create_permissions(current_apps.get_app_config("admin"), apps=apps, verbosity=0)
    bring_up_to_date(apps.get_model("auth", "Group").objects, apps.get_model("auth", "Permission").objects)


class Migration(migrations.Migration):
    dependencies = [
        ("digests", "0003_let_groups_decide_held"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations = [
        migrations.RunPython(close, open_again, elidable=False),
        migrations.RunPython(let_the_group_read_it, migrations.RunPython.noop, elidable=False),
    ]
