"""States of mailings, deliveries, batches and attempts: who may become what."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class MailingState(TextChoices):
    """freezing → ready → sending ⇄ paused → finished | finished_with_held | ended.

    Stop is pause; end cancels what waits.
    """

    FREEZING = "freezing", _("counting readers")
    READY = "ready", _("ready")
    SENDING = "sending", _("being sent")
    PAUSED = "paused", _("stopped")
    FINISHED = "finished", _("finished")
    FINISHED_WITH_HELD = "finished_with_held", _("finished, some held")
    ENDED = "ended", _("ended early")


class DeliveryState(TextChoices):
    """waiting → accepted | rejected | skipped | held | cancelled; held → accepted | waiting by an audited act or proof."""

    WAITING = "waiting", _("waiting")
    ACCEPTED = "accepted", _("accepted")
    REJECTED = "rejected", _("rejected")
    SKIPPED = "skipped", _("skipped")
    HELD = "held", _("held")
    CANCELLED = "cancelled", _("cancelled")


class BatchState(TextChoices):
    """ready → leased → calling → done | ready | split | unknown; unknown → done | ready | held; ready → cancelled."""

    READY = "ready", _("ready")
    LEASED = "leased", _("taken")
    CALLING = "calling", _("being handed over")
    UNKNOWN = "unknown", _("unknown")
    DONE = "done", _("done")
    SPLIT = "split", _("split")
    HELD = "held", _("held")
    CANCELLED = "cancelled", _("cancelled")


class BatchKind(TextChoices):
    """A range of the ledger, or a list of its numbers."""

    RANGE = "range", _("range")
    LIST = "list", _("list")


class AttemptState(TextChoices):
    """calling → done | not_sent | unknown; unknown → done | not_sent | held."""

    CALLING = "calling", _("being handed over")
    DONE = "done", _("done")
    NOT_SENT = "not_sent", _("certainly not sent")
    UNKNOWN = "unknown", _("unknown")
    HELD = "held", _("held")


class Circuit(TextChoices):
    """closed → open → half_open → closed | open."""

    CLOSED = "closed", _("working")
    OPEN = "open", _("not used")
    HALF_OPEN = "half_open", _("being tried")


OPEN_BATCHES = (BatchState.READY, BatchState.LEASED, BatchState.CALLING, BatchState.UNKNOWN)
TERMINAL_BATCHES = (BatchState.DONE, BatchState.HELD, BatchState.CANCELLED)
TERMINAL_MAILINGS = (MailingState.FINISHED, MailingState.FINISHED_WITH_HELD, MailingState.ENDED)
