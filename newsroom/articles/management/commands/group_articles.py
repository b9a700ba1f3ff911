"""`group_articles [--all]`: find which articles tell of one event."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from newsroom.articles import clustering
from newsroom.articles.models import Cluster
from newsroom.web.clock import now


class Command(BaseCommand):
    help = (
        "Compare the new articles of the last two weeks and put together what tells of one event. Editors' decisions "
        "stay. Safe to run twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--all", action="store_true", help="forget what was found and look at all of them again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = clustering.regroup(at=now()) if options["all"] else clustering.group_new(at=now())
        self.stdout.write(
            _("%(articles)d articles compared, %(clusters)d clusters.")
            % {"articles": found, "clusters": Cluster.objects.count()}
        )
