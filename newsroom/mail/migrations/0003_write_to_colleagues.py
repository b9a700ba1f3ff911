"""Letters to colleagues about a digest."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0002_watch_heartbeats"),
    ]

    operations = [
        migrations.AlterField(
            model_name="letter",
            name="kind",
            field=models.CharField(
                choices=[
                    ("confirmation", "confirmation"),
                    ("already_subscribed", "already subscribed"),
                    ("welcome", "welcome"),
                    ("management_link", "management link"),
                    ("staff_notice", "notice to staff"),
                    ("reminder", "reminder of a digest"),
                    ("approval_wanted", "request for approval"),
                    ("proof_returned", "returned proof"),
                    ("test", "test of a digest"),
                ],
                max_length=32,
                verbose_name="kind",
            ),
        ),
    ]
