from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0021_say_who_reads_notes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="consentevent",
            index=models.Index(
                condition=models.Q(("kind", "changed"), ("newsletter__isnull", True)),
                fields=["address"],
                name="consent_of_moved",
            ),
        ),
    ]
