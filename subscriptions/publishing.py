"""What a newsletter needs before it may take sign-ups: somebody who answers for it, by law and by mail."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from newsroom.mail.addresses import is_freemail, to_ascii
from newsroom.mail.errors import BadAddress
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

# What the mails, imprint and privacy notice print where it is given: a second quick contact beside the mail address (§ 5(1)
# no. 2 DDG; it may be a form, CJEU C-298/07), GDPR art. 13(1)(e) and (2)(a).
_WANTED: tuple[tuple[str, Promise], ...] = (
    # Translators: ein zweiter schneller Weg zu Ihnen, etwa eine Telefonnummer
    ("phone", _("a second quick way to reach you, such as a phone number")),
    ("processor_name", _("the e-mail service")),
    ("processor_country", _("the country of the e-mail service")),
    ("proof_kept_years", _("how long the proof of consent is kept")),
    ("deliveries_kept_months", _("how long records of deliveries are kept")),
)


def missing(sender: Sender) -> list[str]:
    """What this sender lacks before a newsletter of theirs may be active, in words; nothing if all is there."""
    return [str(words) for name, words in _NEEDED if not str(getattr(sender, name)).strip()]


def unsaid(sender: Sender) -> list[str]:
    """What imprint and privacy notice leave open for want of a word from this sender; it does not stop a newsletter."""
    return [str(words) for name, words in _WANTED if getattr(sender, name) in (None, "")]


def first_list_id(label: str, sender: Sender) -> str:
    """What a new newsletter's list is called for good: its label under the domain it is first sent from, in ASCII.

    Kept on the newsletter: the sender may move, what readers' filters go by may not (RFC 2919 §3). Raises BadAddress
    where the domain is none, or the whole is longer than the 255 octets of §2.
    """
    whole = f"{label}.{to_ascii(sender.address.rpartition('@')[2])}"
    if len(whole) > 255:
        # Translators: Listenkennung und Domain des Absenders sind zusammen zu lang.
        raise BadAddress(str(_("The list label and the sender's domain are too long together.")), code="long")
    return whole


def is_own_domain(address: str) -> bool:
    """Whether mail may be sent from this address: freemail providers refuse others who use their domain (DMARC)."""
    return not is_freemail(address.rpartition("@")[2])
