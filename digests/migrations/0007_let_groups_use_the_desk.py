"""The groups get what the desk's new records need. Taking this back leaves the groups as they are."""

from django.apps import apps as current_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def let(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    from digests.roles import bring_up_to_date

    # Django makes permissions only after the last migration; the groups need these now.
    for app in ("articles", "digests", "mail", "subscriptions"):
        create_permissions(current_apps.get_app_config(app), apps=apps, verbosity=0)
    bring_up_to_date(apps.get_model("auth", "Group").objects, apps.get_model("auth", "Permission").objects)


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0003_take_articles_by_api"),
        ("digests", "0006_curate_together"),
        ("mail", "0002_watch_heartbeats"),
        ("subscriptions", "0008_journal_imports"),
    ]

    operations = [migrations.RunPython(let, migrations.RunPython.noop, elidable=False)]
