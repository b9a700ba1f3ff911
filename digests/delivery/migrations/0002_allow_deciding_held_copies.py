"""A permission of its own for deciding about held copies."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [
        migrations.AlterModelOptions(
            name="batch",
            options={
                "permissions": [("decide_held", "Can decide about held copies")],
                "verbose_name": "batch",
                "verbose_name_plural": "batches",
            },
        ),
    ]
