"""When a best-of ended, and which of its readers know: each of them is written to once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0010_index_readers_once"),
    ]

    operations = [
        migrations.AddField(
            model_name="newsletter",
            name="weekly_ended_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="Since then its readers get nothing, and are told so.",
                null=True,
                verbose_name="weekly best-of ended",
            ),
        ),
        migrations.AddField(
            model_name="subscription",
            name="end_told_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="told of the end of the best-of"
            ),
        ),
    ]
