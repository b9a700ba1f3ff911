"""`add_staff USER --group GROUP`: make a staff user; the second factor is enrolled at the first sign-in."""

import getpass
import secrets
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from digests import staff
from digests.errors import DigestError
from digests.roles import ROLES


class Command(BaseCommand):
    help = "Make a staff user of a group, or with --superuser one who may do everything."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--group", default="", choices=sorted(ROLES))
        parser.add_argument("--superuser", action="store_true", help="every right, users and groups included")
        parser.add_argument("--email", default="", help="where notices of incidents go")
        parser.add_argument(
            "--make-password", action="store_true", help="print a new password instead of asking for one"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not (options["group"] or options["superuser"]):
            raise CommandError("Name a --group, or say --superuser.")
        new = staff.NewStaff(
            username=options["user"],
            email=options["email"],
            group=options["group"],
            is_superuser=options["superuser"],
        )
        password = secrets.token_urlsafe(16) if options["make_password"] else _ask()
        try:
            user = staff.add(new, password=password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except DigestError as error:
            raise CommandError(str(error)) from error
        if options["make_password"]:
            self.stdout.write(f"Password, shown this once: {password}")
        self.stdout.write(f"{user} may sign in at {settings.SITE_URL}{reverse('admin:index')}")


def _ask() -> str:
    password = getpass.getpass("Password (at least 12 characters): ")
    if getpass.getpass("The same again: ") != password:
        raise CommandError("The two differ.")
    return password
