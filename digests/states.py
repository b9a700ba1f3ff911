"""States of a digest, and the small vocabularies of plans."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class DigestState(TextChoices):
    """draft → proofed → approved → scheduled → handed_over, or skipped. An edit after the proof goes back to draft."""

    DRAFT = "draft", _("draft")
    PROOFED = "proofed", _("waiting for approval")
    APPROVED = "approved", _("approved")
    SCHEDULED = "scheduled", _("scheduled")
    HANDED_OVER = "handed_over", _("handed over")
    SKIPPED = "skipped", _("skipped")


class Autopilot(TextChoices):
    """What happens at the due time if nobody curated."""

    HOLD = "hold", _("wait for the desk")
    FILL_AND_SEND = "fill_and_send", _("fill and send")
    SKIP = "skip", _("skip the digest")


class MailingKind(TextChoices):
    MAIN = "main", _("digest")
    CORRECTION = "correction", _("correction")
    TEST = "test", _("test")


class PickSource(TextChoices):
    DESK = "desk", _("picked by the desk")
    AUTOPILOT = "autopilot", _("picked by the plan")


class Maker(TextChoices):
    """Who put a digest together, as readers are told."""

    # Translators: zusammengestellt: von der Redaktion | teilweise automatisch | automatisch
    DESK = "desk", _("by the desk")
    PARTLY = "partly", _("partly automatically")
    PLAN = "plan", _("automatically")


class PickLabel(TextChoices):
    """Why an article comes again that an earlier digest had; an update says so in the mail."""

    REPEAT = "repeat", _("repeat")
    UPDATE = "update", _("update")


class LinkState(TextChoices):
    """What the last look at an address found; dead: it is gone for good, doubtful: it may come back."""

    FINE = "fine", _("answers")
    DOUBTFUL = "doubtful", _("does not answer well")
    DEAD = "dead", _("leads nowhere")


class ApprovalPolicy(TextChoices):
    """Who approved: a second person, or a rule the newsroom set itself."""

    FOUR_EYES = "four_eyes", _("two people")
    ONE_PAIR = "one_pair", _("one person, as the plan allows")
    AUTOPILOT = "autopilot", _("automatically, as the plan allows")


# A digest that was not skipped keeps its window: the next one begins where it ends.
CUTTING = (
    DigestState.DRAFT,
    DigestState.PROOFED,
    DigestState.APPROVED,
    DigestState.SCHEDULED,
    DigestState.HANDED_OVER,
)
# In the order in which a digest passes through them.
EDITABLE = (DigestState.DRAFT, DigestState.PROOFED, DigestState.APPROVED, DigestState.SCHEDULED)


def is_further(state: str, *, than: DigestState) -> bool:
    """Whether an editable digest went further than that; one that was handed over or skipped has left this way."""
    return state in EDITABLE[EDITABLE.index(than) + 1 :]
