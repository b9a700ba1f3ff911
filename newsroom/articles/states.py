"""Where an article comes from, whether it was reviewed, and how a picture came to be."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Origin(TextChoices):
    """Who made the article. A user submission is always labelled for readers."""

    STAFF = "staff", _("own staff")
    AGENCY = "agency", _("agency")
    CONTRIBUTOR = "contributor", _("contributor")
    USER_SUBMISSION = "user_submission", _("user submission")


class Review(TextChoices):
    """not_needed for our own work; a submission is unreviewed → reviewed, and unreviewed unless it is reviewed."""

    NOT_NEEDED = "not_needed", _("not needed")
    UNREVIEWED = "unreviewed", _("unreviewed")
    REVIEWED = "reviewed", _("reviewed by the newsroom")


class Verdict(TextChoices):
    """What an editor said of two articles."""

    TOGETHER = "together", _("one event")
    APART = "apart", _("two events")


class DigitalSource(TextChoices):
    """How a picture was made, in the terms of the IPTC digital source type vocabulary."""

    UNKNOWN = "", _("not stated")
    CAPTURE = "digitalCapture", _("photograph")
    HUMAN_EDITS = "humanEdits", _("edited photograph")
    CREATION = "digitalCreation", _("drawn by a person")
    ALGORITHMIC = "algorithmicMedia", _("drawn by a program")
    AI = "trainedAlgorithmicMedia", _("made by an AI model")
    AI_COMPOSITE = "compositeWithTrainedAlgorithmicMedia", _("partly made by an AI model")


class Crop(TextChoices):
    """Which piece of a picture is shown where the desk wants it cut: what it keeps on the side that is too long."""

    MIDDLE = "middle", pgettext_lazy("piece of a picture", "middle")
    TOP = "top", pgettext_lazy("piece of a picture", "top")
    BOTTOM = "bottom", pgettext_lazy("piece of a picture", "bottom")
    LEFT = "left", pgettext_lazy("piece of a picture", "left")
    RIGHT = "right", pgettext_lazy("piece of a picture", "right")


class FeedRights(TextChoices):
    """What of a source may be shown in our mail and pages."""

    FULL = "full", _("everything")
    TEASER = "teaser", _("headline, teaser and picture")
    HEADLINE = "headline", _("headline only")


MACHINE_MADE = frozenset({DigitalSource.ALGORITHMIC, DigitalSource.AI, DigitalSource.AI_COMPOSITE})
