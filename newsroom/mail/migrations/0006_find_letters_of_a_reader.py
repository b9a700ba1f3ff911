from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0005_tell_that_a_best_of_ended"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="letter",
            index=models.Index(
                condition=models.Q(("subscriber_id__isnull", False)),
                fields=["subscriber_id"],
                name="letter_by_subscriber",
            ),
        ),
    ]
