"""States of newsletters and subscriptions, and the kinds of consent events and suppressions."""

from typing import Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class NewsletterState(TextChoices):
    """draft → active ⇄ paused → retired. Only an active newsletter takes sign-ups and makes digests."""

    DRAFT = "draft", _("draft")
    ACTIVE = "active", _("active")
    PAUSED = "paused", _("paused")
    RETIRED = "retired", _("retired")


class SubscriptionState(TextChoices):
    """pending → active → unsubscribed; pending → lapsed when nobody confirmed. A pause is a date, not a state."""

    PENDING = "pending", _("waiting for confirmation")
    ACTIVE = "active", _("active")
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
    LAPSED = "lapsed", _("never confirmed")


OPEN: Final = (SubscriptionState.PENDING, SubscriptionState.ACTIVE)
"""What a reader, a stop or an erasure ends."""


class Cadence(TextChoices):
    """How often a reader wants the newsletter."""

    EACH = "each", _("every digest")
    WEEKLY = "weekly", _("the weekly best-of")


BEST_OF_THE_WEEK = _("The best of the week")
"""The name of a weekly digest, wherever one is named: to readers, in the archive, at the desk."""


class ConsentKind(TextChoices):
    """What happened to a reader's agreement."""

    REQUESTED = "requested", _("sign-up requested")
    LETTER_SENT = "letter_sent", _("confirmation letter sent")
    CONFIRMED = "confirmed", _("confirmed")
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
    RESTORED = "restored", _("unsubscribing undone")
    CHANGED = "changed", _("settings changed")
    IMPORTED = "imported", _("imported with proof")
    # Translators: Versand beendet. Von wem, sagt der Grund: ein E-Mail-Dienst, sie selbst oder die Redaktion.
    SUPPRESSED = "suppressed", _("mail stopped")
    ERASED = "erased", _("erased")


class SuppressionReason(TextChoices):
    """Why an address must not be mailed."""

    HARD_BOUNCE = "hard_bounce", _("the mailbox does not exist")
    SOFT_BOUNCES = "soft_bounces", _("mail bounced again and again")
    COMPLAINT = "complaint", _("reported as spam")
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed at the provider")
    ERASED = "erased", _("erased on the reader's wish")
    MANUAL = "manual", _("entered by staff")
    # Translators: will nicht mehr um eine Bestätigung gebeten werden
    NEVER_ASK = "never_ask", _("does not want to be asked to confirm again")


# All but the last stop mail; that one stops only letters that ask, and what a reader gets goes on.
STOPS_MAIL = (
    SuppressionReason.HARD_BOUNCE,
    SuppressionReason.SOFT_BOUNCES,
    SuppressionReason.COMPLAINT,
    SuppressionReason.UNSUBSCRIBED,
    SuppressionReason.ERASED,
    SuppressionReason.MANUAL,
)


class LegalBasis(TextChoices):
    """What lets us write to the reader."""

    DOUBLE_OPT_IN = "double_opt_in", _("double opt-in")
    IMPORTED = "imported", _("consent given elsewhere, imported with proof")


class ImportState(TextChoices):
    """reading → waiting ⇄ trying → tried → running → finished; discarded from any but finished, and what a running one
    had taken in by then stays."""

    READING = "reading", _("being read")
    WAITING = "waiting", _("waiting for your decision")
    TRYING = "trying", _("being tried out")
    TRIED = "tried", _("tried out, nothing changed")
    RUNNING = "running", _("running")
    FINISHED = "finished", _("finished")
    DISCARDED = "discarded", _("discarded")
