from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("articles", "0003_take_articles_by_api")]

    operations = [
        migrations.AddField(
            model_name="feed",
            name="picture_credit",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Stands under a picture that comes without a credit of its own. With neither, the picture cannot open a mail.",
                max_length=200,
                verbose_name="credit of its pictures",
            ),
            preserve_default=False,
        ),
    ]
