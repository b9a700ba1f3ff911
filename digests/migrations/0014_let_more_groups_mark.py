"""Abnahme, Community and Betrieb may mark articles, too. Taking this back leaves them the right: it does no harm."""

from django.apps import apps as current_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

GROUPS = ("Abnahme", "Community", "Betrieb")


def let(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Django makes permissions only after the last migration; this one is needed now.
    create_permissions(current_apps.get_app_config("digests"), apps=apps, verbosity=0)
    mark = apps.get_model("auth", "Permission").objects.get(
        content_type__app_label="digests", codename="add_mark"
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.add(mark)


class Migration(migrations.Migration):
    dependencies = [("digests", "0013_crop_pictures")]

    operations = [migrations.RunPython(let, migrations.RunPython.noop, elidable=False)]
