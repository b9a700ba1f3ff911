"""Each link that there is gets the digest of its pick."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import OuterRef, Subquery


def fill(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    own = apps.get_model("digests", "Pick").objects.filter(pk=OuterRef("pick")).values("digest")[:1]
    links = apps.get_model("digests", "Link").objects.using(schema_editor.connection.alias)
    links.filter(digest=None).update(digest=Subquery(own))


def forget_those_of_notes(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Before there were none, each link had a pick; what leads over one of these leads nowhere from here on."""
    links = apps.get_model("digests", "Link").objects.using(schema_editor.connection.alias)
    links.filter(pick=None).delete()


class Migration(migrations.Migration):
    dependencies = [("digests", "0016_let_notes_have_links")]

    operations = [migrations.RunPython(fill, forget_those_of_notes)]
