"""The states of a letter and of an incident, and the words for what a provider reports."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class LetterState(TextChoices):
    """waiting → calling → sent | failed; a call without an answer goes back to waiting (at least once); cancelled."""

    WAITING = "waiting", _("waiting")
    CALLING = "calling", _("being handed over")
    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class LetterKind(TextChoices):
    """Why we write to one person."""

    CONFIRMATION = "confirmation", _("confirmation")
    ALREADY_SUBSCRIBED = "already_subscribed", _("already subscribed")
    WELCOME = "welcome", _("welcome")
    MANAGEMENT_LINK = "management_link", _("management link")
    NEW_ADDRESS = "new_address", _("confirmation of a new address")
    ADDRESS_CHANGED = "address_changed", _("notice to the former address")
    DELIVERY_AGAIN = "delivery_again", _("confirmation after mail was stopped")
    BEST_OF_ENDED = "best_of_ended", _("end of a weekly best-of")
    STAFF_NOTICE = "staff_notice", _("notice to staff")
    REMINDER = "reminder", _("reminder of a digest")
    APPROVAL_WANTED = "approval_wanted", _("request for approval")
    PROOF_RETURNED = "proof_returned", _("returned proof")
    TEST = "test", _("test of a digest")


class EventOutcome(TextChoices):
    """What became of a provider's event once it was applied."""

    # Translators: trägt kein Kennzeichen von uns | hat Mail gestoppt | belegt ein Exemplar | vermerkt
    FOREIGN = "foreign token", _("bears no token of ours")
    SUPPRESSED = "suppressed", _("stopped mail")
    PROOF = "proof", _("proves a copy")
    NOTED = "noted", _("noted")


class Severity(TextChoices):
    """How loudly an incident is told."""

    WARNING = "warning", _("warning")
    ERROR = "error", _("error")
