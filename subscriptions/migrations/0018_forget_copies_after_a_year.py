"""A new sender keeps records of deliveries for a year unless it says otherwise; those that are there keep as they said."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0017_find_suppressions_by_address")]

    operations = [
        migrations.AlterField(
            model_name="sender",
            name="deliveries_kept_months",
            field=models.PositiveSmallIntegerField(
                blank=True,
                default=12,
                help_text="Counted from the day on which a mailing was over. Then who got which copy is deleted by itself; the account of the mailing stays. Printed in the privacy notice. Empty: nothing is deleted.",
                null=True,
                verbose_name="months records of deliveries are kept",
            ),
        ),
    ]
