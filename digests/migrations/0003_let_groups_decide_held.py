"""Abnahme and Betrieb may decide about held copies. Taking this back leaves the groups as they are."""

from django.apps import apps as current_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def allow(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Django makes permissions only after the last migration; the groups need this one now.
    create_permissions(current_apps.get_app_config("delivery"), apps=apps, verbosity=0)
    permission = apps.get_model("auth", "Permission").objects.get(
        content_type__app_label="delivery", codename="decide_held"
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=["Abnahme", "Betrieb"]):
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("digests", "0002_add_groups"), ("delivery", "0004_allow_deciding_held_copies")]

    operations = [migrations.RunPython(allow, migrations.RunPython.noop, elidable=False)]
