"""Each newsletter keeps its whole List-Id: what its mails say today stays, whichever address they come from later."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from newsroom.mail.addresses import to_ascii
from newsroom.mail.errors import BadAddress


def list_id(label: str, address: str) -> str:
    """As headers were written so far; where that was refused, and no mail left, a list without a domain (RFC 2919 §3)."""
    try:
        whole = f"{label}.{to_ascii(address.rpartition('@')[2])}"
    except BadAddress:
        whole = ""
    return whole if 0 < len(whole) <= 255 else f"{label}.localhost"


def fill(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    newsletters = apps.get_model("subscriptions", "Newsletter").objects.using(schema_editor.connection.alias)
    for newsletter in newsletters.select_related("sender"):
        newsletter.list_id = list_id(newsletter.list_id_label, newsletter.sender.address)
        newsletter.save(update_fields=["list_id"])


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0018_forget_copies_after_a_year")]

    operations = [
        migrations.AddField(
            model_name="newsletter",
            name="list_id",
            field=models.CharField(
                default="",
                editable=False,
                help_text="What every mail calls the list. Written when the newsletter was made; it stays with any other sender address.",
                max_length=255,
                verbose_name="whole List-Id",
            ),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
