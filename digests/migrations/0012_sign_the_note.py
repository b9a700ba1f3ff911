"""The note to readers may name an author as who signs it; the words typed so far stay, and go before the author's own."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("digests", "0011_make_a_weekly_best_of"), ("articles", "0005_picture_authors")]

    operations = [
        migrations.AddField(
            model_name="digest",
            name="note_author",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="articles.author",
                verbose_name="note signed by",
            ),
        ),
        migrations.AlterField(
            model_name="digest",
            name="note_by",
            field=models.CharField(blank=True, max_length=120, verbose_name="signature in other words"),
        ),
    ]
