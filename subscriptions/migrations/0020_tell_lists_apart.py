"""No newsletter without a List-Id, and no two with the same, whatever their case."""

import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0019_keep_list_ids")]

    operations = [
        migrations.AddConstraint(
            model_name="newsletter",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("list_id"), name="newsletter_list_id_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="newsletter",
            constraint=models.CheckConstraint(
                condition=models.Q(("list_id__gt", "")), name="newsletter_has_list_id"
            ),
        ),
    ]
