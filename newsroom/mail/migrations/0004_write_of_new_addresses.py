"""Letters of a new address, and of mail that comes again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0003_write_to_colleagues"),
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
                    ("new_address", "confirmation of a new address"),
                    ("address_changed", "notice to the former address"),
                    ("delivery_again", "confirmation after mail was stopped"),
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
