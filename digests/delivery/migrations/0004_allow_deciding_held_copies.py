"""A permission of its own for deciding about held copies."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("delivery", "0003_count_quotas_and_outages")]

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
