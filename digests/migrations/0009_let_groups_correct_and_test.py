"""Who may work on digests may see their history, write correction mails, choose who gets tests, and repoint links.

Each right goes to whoever could do the same until now, groups of an installation's own included; only repointing is
new to those who edit. Taking this back leaves the rights: they were all possible before.
"""

from django.apps import apps as current_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

_WRITING = (
    "add_colleague",
    "change_colleague",
    "add_correctionmail",
    "change_correctionmail",
    "change_link",
)

GIVEN = {
    "view_digest": ("view_colleague", "view_correctionmail", "view_digestversion", "view_link"),
    "change_digest": _WRITING,
    "send_digest": ("change_link",),
}
"""By right, what comes with it from now on."""


def let(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Django makes permissions only after the last migration; these are needed now.
    create_permissions(current_apps.get_app_config("digests"), apps=apps, verbosity=0)
    known = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="digests")
    by_name = {permission.codename: permission for permission in known}
    for held, names in GIVEN.items():
        given = [by_name[name] for name in names]
        for group in by_name[held].group_set.all():
            group.permissions.add(*given)
        for user in by_name[held].user_set.all():
            user.user_permissions.add(*given)


class Migration(migrations.Migration):
    dependencies = [("digests", "0008_close_approvals_and_versions")]

    operations = [migrations.RunPython(let, migrations.RunPython.noop, elidable=False)]
