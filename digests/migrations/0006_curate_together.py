"""Curating together: versions, overrides, labels, correction mails, counts of links, access, colleagues, filters."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("digests", "0005_set_ranking_per_plan"),
        ("subscriptions", "0005_queue_settings_links"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Colleague",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={
                "verbose_name": "colleague for tests",
                "verbose_name_plural": "colleagues for tests",
            },
        ),
        migrations.CreateModel(
            name="CorrectionMail",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subject", models.CharField(max_length=200, verbose_name="subject")),
                ("text", models.TextField(help_text="Markdown.", verbose_name="text")),
                ("written_at", models.DateTimeField(verbose_name="written")),
            ],
            options={
                "verbose_name": "correction mail",
                "verbose_name_plural": "correction mails",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="DigestVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="version")),
                (
                    "content",
                    models.JSONField(
                        help_text="Its words and its picks with their overrides.", verbose_name="content"
                    ),
                ),
                ("act", models.CharField(blank=True, max_length=200, verbose_name="what happened")),
                ("made_at", models.DateTimeField(verbose_name="made")),
            ],
            options={
                "verbose_name": "version of a digest",
                "verbose_name_plural": "versions of digests",
                "ordering": ["-number"],
            },
        ),
        migrations.CreateModel(
            name="LinkCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("url", models.URLField(max_length=1000, unique=True, verbose_name="address")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("fine", "answers"),
                            ("doubtful", "does not answer well"),
                            ("dead", "leads nowhere"),
                        ],
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "answer",
                    models.CharField(
                        help_text="A status, or why there is none.", max_length=200, verbose_name="answer"
                    ),
                ),
                ("looked_at", models.DateTimeField(verbose_name="looked at")),
            ],
            options={
                "verbose_name": "look at a link",
                "verbose_name_plural": "looks at links",
            },
        ),
        migrations.CreateModel(
            name="LinkCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(help_text="Its beginning.", verbose_name="hour")),
                ("people", models.PositiveIntegerField(default=0, verbose_name="people")),
                ("machines", models.PositiveIntegerField(default=0, verbose_name="machines")),
            ],
            options={
                "verbose_name": "count of a link",
                "verbose_name_plural": "counts of links",
            },
        ),
        migrations.CreateModel(
            name="NewsletterAccess",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={
                "verbose_name": "access to a newsletter",
                "verbose_name_plural": "access to newsletters",
            },
        ),
        migrations.CreateModel(
            name="SavedFilter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                (
                    "query",
                    models.CharField(
                        blank=True,
                        help_text="As it stands in the address.",
                        max_length=500,
                        verbose_name="filter",
                    ),
                ),
            ],
            options={
                "verbose_name": "saved filter",
                "verbose_name_plural": "saved filters",
                "ordering": ["name"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="slotrule",
            name="slot_once_per_plan",
        ),
        migrations.AddField(
            model_name="digest",
            name="wanted_at",
            field=models.DateTimeField(
                blank=True,
                help_text="A story was exchanged shortly before: with a new approval it is scheduled for this time again.",
                null=True,
                verbose_name="wanted for",
            ),
        ),
        migrations.AddField(
            model_name="digest",
            name="archive_note",
            field=models.TextField(
                blank=True,
                help_text="Shown above the web version. Markdown.",
                verbose_name="note in the archive",
            ),
        ),
        migrations.AddField(
            model_name="digest",
            name="archive_note_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="noted"),
        ),
        migrations.AddField(
            model_name="digest",
            name="choices",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Each article it took or left out when it last filled the slots, with the reason.",
                verbose_name="what the plan chose",
            ),
        ),
        migrations.AddField(
            model_name="digest",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                help_text="Who looks after this digest.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="on duty",
            ),
        ),
        migrations.AddField(
            model_name="pick",
            name="alt",
            field=models.CharField(blank=True, max_length=300, verbose_name="own alternative text"),
        ),
        migrations.AddField(
            model_name="pick",
            name="label",
            field=models.CharField(
                blank=True,
                choices=[("repeat", "repeat"), ("update", "update")],
                help_text="For an article that an earlier digest had.",
                max_length=8,
                verbose_name="taken again as",
            ),
        ),
        migrations.AddField(
            model_name="pick",
            name="let_stand",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Warnings that the desk has seen and let stand.",
                verbose_name="let stand",
            ),
        ),
        migrations.AddField(
            model_name="pick",
            name="link_label",
            field=models.CharField(blank=True, max_length=80, verbose_name="own link label"),
        ),
        migrations.AddField(
            model_name="pick",
            name="original",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="Kicker, title and teaser; what differs today was changed since.",
                verbose_name="the article when it was picked",
            ),
        ),
        migrations.AddField(
            model_name="plan",
            name="approval_by_mail",
            field=models.BooleanField(
                default=True,
                help_text="The link shows the proof; a button on that page decides.",
                verbose_name="approvers get a link by mail",
            ),
        ),
        migrations.AddField(
            model_name="slotrule",
            name="weekdays",
            field=models.CharField(
                blank=True,
                help_text="mo,tu,we,th,fr,sa,su; empty: in each digest, unless the same kind has a row for the day.",
                max_length=20,
                verbose_name="only on",
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="autopilot",
            field=models.CharField(
                choices=[
                    ("hold", "wait for the desk"),
                    ("fill_and_send", "fill and send"),
                    ("skip", "skip the digest"),
                ],
                default="hold",
                max_length=16,
                verbose_name="if nobody curated",
            ),
        ),
        migrations.AddConstraint(
            model_name="slotrule",
            constraint=models.UniqueConstraint(
                fields=("plan", "key", "weekdays"), name="slot_once_per_plan_and_days"
            ),
        ),
        migrations.AddField(
            model_name="colleague",
            name="newsletter",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="subscriptions.newsletter",
                verbose_name="newsletter",
            ),
        ),
        migrations.AddField(
            model_name="colleague",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="colleague",
            ),
        ),
        migrations.AddField(
            model_name="correctionmail",
            name="digest",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="correction_mails",
                to="digests.digest",
                verbose_name="digest",
            ),
        ),
        migrations.AddField(
            model_name="correctionmail",
            name="written_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="written by",
            ),
        ),
        migrations.AddField(
            model_name="proof",
            name="correction",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty for a proof of the digest itself.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proofs",
                to="digests.correctionmail",
                verbose_name="correction mail",
            ),
        ),
        migrations.AddField(
            model_name="digestversion",
            name="digest",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="versions",
                to="digests.digest",
                verbose_name="digest",
            ),
        ),
        migrations.AddField(
            model_name="digestversion",
            name="made_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="by",
            ),
        ),
        migrations.AddField(
            model_name="linkcount",
            name="link",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="counts",
                to="digests.link",
                verbose_name="link",
            ),
        ),
        migrations.AddField(
            model_name="newsletteraccess",
            name="newsletter",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="subscriptions.newsletter",
                verbose_name="newsletter",
            ),
        ),
        migrations.AddField(
            model_name="newsletteraccess",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="newsletter_access",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AddField(
            model_name="savedfilter",
            name="newsletter",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="subscriptions.newsletter",
                verbose_name="newsletter",
            ),
        ),
        migrations.AddField(
            model_name="savedfilter",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AddConstraint(
            model_name="colleague",
            constraint=models.UniqueConstraint(fields=("newsletter", "user"), name="colleague_once"),
        ),
        migrations.AddConstraint(
            model_name="digestversion",
            constraint=models.UniqueConstraint(fields=("digest", "number"), name="digest_version_once"),
        ),
        migrations.AddConstraint(
            model_name="linkcount",
            constraint=models.UniqueConstraint(fields=("link", "hour"), name="link_count_once_per_hour"),
        ),
        migrations.AddConstraint(
            model_name="newsletteraccess",
            constraint=models.UniqueConstraint(fields=("user", "newsletter"), name="access_once"),
        ),
        migrations.AddConstraint(
            model_name="savedfilter",
            constraint=models.UniqueConstraint(
                fields=("newsletter", "user", "name"), name="saved_filter_name_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="digestmailing",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "correction")),
                fields=("proof",),
                name="correction_sent_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="proof",
            constraint=models.UniqueConstraint(
                condition=models.Q(("correction__isnull", False)),
                fields=("correction",),
                name="proof_once_per_correction",
            ),
        ),
    ]
