"""A newsletter may have a second plan, for its weekly best-of; digests say which readers they are for."""

import django.db.models.deletion
from django.db import migrations, models

CADENCES = [("each", "every digest"), ("weekly", "the weekly best-of")]


class Migration(migrations.Migration):
    dependencies = [
        ("digests", "0010_know_who_is_at_a_digest"),
        ("subscriptions", "0009_offer_the_weekly_best_of"),
    ]

    operations = [
        migrations.AddField(
            model_name="digest",
            name="cadence",
            field=models.CharField(
                choices=CADENCES,
                default="each",
                help_text="Whom it is for: readers of every digest, or those of the weekly best-of.",
                max_length=8,
                verbose_name="for",
            ),
        ),
        migrations.AddField(
            model_name="plan",
            name="cadence",
            field=models.CharField(
                choices=CADENCES,
                default="each",
                help_text="Every digest, or the weekly best-of. Readers get one or the other.",
                max_length=8,
                verbose_name="for",
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="newsletter",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="plans",
                to="subscriptions.newsletter",
                verbose_name="newsletter",
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.UniqueConstraint(
                fields=["newsletter", "cadence"],
                name="plan_once_per_cadence",
                violation_error_message="The newsletter has such a plan already.",
            ),
        ),
        migrations.RemoveConstraint(model_name="digest", name="digest_window_once"),
        migrations.AddConstraint(
            model_name="digest",
            constraint=models.UniqueConstraint(
                fields=["newsletter", "cadence", "window_end"], name="digest_window_once"
            ),
        ),
    ]
