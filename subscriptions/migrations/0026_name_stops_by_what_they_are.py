"""Not every stop is a bounce or a complaint: staff enter some. The reason stands beside it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0025_keep_the_active_where_they_are"),
    ]

    operations = [
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
                    ("suppressed", "mail stopped"),
                    ("erased", "erased"),
                ],
                max_length=16,
                verbose_name="what happened",
            ),
        ),
    ]
