"""Days and origins are asked for in words: their helps no longer teach codes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("digests", "0014_let_more_groups_mark"),
    ]

    operations = [
        migrations.AlterField(
            model_name="plan",
            name="origin_order",
            field=models.CharField(
                default="staff,contributor,agency,user_submission",
                help_text="Of several articles on one event the one from the first of these origins leads.",
                max_length=80,
                verbose_name="which version leads",
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="weekdays",
            field=models.CharField(default="mo,tu,we,th,fr", max_length=20, verbose_name="weekdays"),
        ),
        migrations.AlterField(
            model_name="slotrule",
            name="weekdays",
            field=models.CharField(
                blank=True,
                help_text="No day ticked: in each digest, unless a slot of the same kind has the day.",
                max_length=20,
                verbose_name="only on",
            ),
        ),
    ]
