from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0024_forget_moves_that_were_over"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "active"), _negated=True), ("moved_to__isnull", True), _connector="OR"
                ),
                name="subscription_active_stays",
            ),
        ),
    ]
