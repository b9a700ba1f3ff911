from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0016_close_sign_ups"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="suppression",
            index=models.Index(fields=["address_hash"], name="suppression_by_address"),
        ),
    ]
