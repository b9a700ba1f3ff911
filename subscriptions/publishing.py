"""What a newsletter needs before it may take sign-ups: somebody who answers for it, by law and by mail."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from newsroom.mail.addresses import is_freemail
from subscriptions.models import Sender

# § 5 DDG and § 18(2) MStV: who publishes, where, how to reach them, who answers for the content; GDPR art. 13.
_NEEDED: tuple[tuple[str, Promise], ...] = (
    ("legal_name", _("the publisher")),
    ("postal_address", _("the postal address")),
    ("email", _("a contact by mail")),
    ("responsible_person", _("who is responsible for the content")),
    ("imprint_url", _("the legal notice")),
    ("privacy_url", _("the privacy notice")),
)


def missing(sender: Sender) -> list[str]:
    """What this sender lacks before a newsletter of theirs may be active, in words; nothing if all is there."""
    return [str(words) for name, words in _NEEDED if not str(getattr(sender, name)).strip()]


def is_own_domain(address: str) -> bool:
    """Whether mail may be sent from this address: freemail providers refuse others who use their domain (DMARC)."""
    return not is_freemail(address.rpartition("@")[2])
