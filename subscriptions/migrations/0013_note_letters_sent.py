"""The record gets what became of each letter to confirm: when it left, its Message-ID, its words."""

from django.db import migrations, models

import subscriptions.wording


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0012_forget_old_proof"),
    ]

    operations = [
        migrations.AddField(
            model_name="confirmation",
            name="letter_noted_at",
            field=models.DateTimeField(
                blank=True, help_text="When the record got what became of its letter.", null=True
            ),
        ),
        migrations.AddField(
            model_name="confirmation",
            name="letter_version",
            field=models.CharField(
                blank=True, default="", help_text="Which words its letter has.", max_length=20
            ),
        ),
        # Which words earlier letters had, nobody wrote down: only new ones get a version.
        migrations.AlterField(
            model_name="confirmation",
            name="letter_version",
            field=models.CharField(
                blank=True,
                default=subscriptions.wording.letter_version,
                help_text="Which words its letter has.",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("requested", "sign-up requested"),
                    ("letter_sent", "confirmation letter sent"),
                    ("confirmed", "confirmed"),
                    ("unsubscribed", "unsubscribed"),
                    ("restored", "unsubscribing undone"),
                    ("changed", "settings changed"),
                    ("imported", "imported with proof"),
                    ("suppressed", "stopped by a bounce or complaint"),
                    ("erased", "erased"),
                ],
                max_length=16,
                verbose_name="what happened",
            ),
        ),
        migrations.AddIndex(
            model_name="confirmation",
            index=models.Index(
                condition=models.Q(("letter_noted_at__isnull", True)),
                fields=["id"],
                name="confirmation_unnoted",
            ),
        ),
    ]
