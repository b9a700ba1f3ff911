"""A link knows its digest; one of the editor's note has no pick. Three steps: PostgreSQL alters no table with rows in doubt."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("digests", "0015_plan_in_words")]

    operations = [
        migrations.AddField(
            model_name="link",
            name="digest",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="links",
                to="digests.digest",
                verbose_name="digest",
            ),
        ),
        migrations.AlterField(
            model_name="link",
            name="pick",
            field=models.ForeignKey(
                blank=True,
                help_text="None for a link of the editor's note.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="links",
                to="digests.pick",
                verbose_name="pick",
            ),
        ),
    ]
