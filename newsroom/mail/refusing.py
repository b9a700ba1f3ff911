"""Django's mail backend, refused: a mail sent past `newsroom.mail` would lack its wire rules and its record."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from newsroom.mail.errors import BadMail


class EmailBackend(BaseEmailBackend):
    """Raises instead of sending."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise BadMail("Nothing is mailed past newsroom.mail: write a letter (newsroom.mail.letters.write).")
