"""The five groups of staff. Taking this back leaves the groups: people may be in them."""

from django.apps import apps as current_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def add_groups(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    from digests.roles import bring_up_to_date

    # Django makes permissions only after the last migration; the groups need them now.
    for label in ("articles", "subscriptions", "mail", "delivery", "digests"):
        create_permissions(current_apps.get_app_config(label), apps=apps, verbosity=0)
    bring_up_to_date(apps.get_model("auth", "Group").objects, apps.get_model("auth", "Permission").objects)


class Migration(migrations.Migration):
    dependencies = [
        ("digests", "0001_initial"),
        ("delivery", "0001_initial"),
        ("subscriptions", "0001_initial"),
        ("articles", "0001_initial"),
        ("mail", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(add_groups, migrations.RunPython.noop, elidable=False)]
