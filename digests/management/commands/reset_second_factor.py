"""`reset_second_factor USER`: forget a lost phone and its recovery codes; the next sign-in enrols a new one."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from digests import staff
from newsroom.web import clock


class Command(BaseCommand):
    help = "Forget a user's phone and recovery codes. Make sure first that it is they who ask."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']}.")
        staff.reset_second_factor(user, by=None, at=clock.now())
        self.stdout.write(f"{user} is asked to enrol a phone at the next sign-in.")
