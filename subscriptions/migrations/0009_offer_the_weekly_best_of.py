"""Whether there is a weekly best-of, and when the next one comes, is written by the plan that makes it.

The freeze walks the readers of one cadence in order of id. The index that knew no cadence would read every reader
of each digest to find the few of the weekly one.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0008_journal_imports")]

    operations = [
        migrations.AlterField(
            model_name="newsletter",
            name="has_weekly",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="Readers may choose one digest a week instead of each: a plan makes it.",
                verbose_name="has a weekly best-of",
            ),
        ),
        migrations.AddField(
            model_name="newsletter",
            name="next_weekly_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="next weekly best-of"
            ),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(
                fields=["newsletter", "state", "cadence", "id"], name="subscription_by_cadence"
            ),
        ),
        migrations.RemoveIndex(model_name="subscription", name="subscription_audience"),
    ]
