"""The picture of a pick may be cut for its digest; those so far are shown whole."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("digests", "0012_sign_the_note")]

    operations = [
        migrations.AddField(
            model_name="pick",
            name="crop",
            field=models.CharField(
                blank=True,
                choices=[
                    ("middle", "middle"),
                    ("top", "top"),
                    ("bottom", "bottom"),
                    ("left", "left"),
                    ("right", "right"),
                ],
                default="",
                help_text="Empty for the whole picture.",
                max_length=8,
                verbose_name="own crop of the picture",
            ),
        ),
    ]
