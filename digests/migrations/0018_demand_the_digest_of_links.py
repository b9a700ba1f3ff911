"""From now on no link is without its digest, and a note has each address once."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("digests", "0017_tell_links_their_digest")]

    operations = [
        migrations.AlterField(
            model_name="link",
            name="digest",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="links",
                to="digests.digest",
                verbose_name="digest",
            ),
        ),
        migrations.AddConstraint(
            model_name="link",
            constraint=models.UniqueConstraint(
                condition=models.Q(("pick__isnull", True)),
                fields=("digest", "url"),
                name="link_once_per_note",
            ),
        ),
    ]
