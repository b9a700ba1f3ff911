"""Heartbeats of the machine, and an index for what came back of a mailing."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "name",
                    models.CharField(max_length=120, primary_key=True, serialize=False, verbose_name="name"),
                ),
                ("beat_at", models.DateTimeField(verbose_name="last seen")),
                ("facts", models.JSONField(blank=True, default=dict, verbose_name="facts")),
            ],
            options={
                "verbose_name": "heartbeat",
                "verbose_name_plural": "heartbeats",
            },
        ),
        migrations.AddIndex(
            model_name="providerevent",
            index=models.Index(
                condition=models.Q(("kind__in", ["bounced", "complained"])),
                fields=["received_at", "kind", "token"],
                name="event_come_back",
            ),
        ),
    ]
