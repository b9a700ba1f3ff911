"""Rules about the pictures that a mail shows."""

import re

from django.utils.translation import gettext as _

from digests.preflight.registry import Desk, Flaws, advises, blocks, named, target_of
from digests.stories import MAILABLE_PICTURES, credit_of

HEAVY_BYTES = 100_000
"""What a phone on a train should fetch for one picture, at most."""

_MACHINE = re.compile(
    r"\b(midjourney|dall[·\-\s]?e|stable diffusion|adobe firefly|openai|chatgpt|ki-(?:generiert|bild|illustration)"
    r"|mit ki\b|ai[- ](?:generated|image|illustration)|generated (?:by|with) ai)",
    re.IGNORECASE,
)
"""Words in a credit that tell of a machine-made picture."""


@blocks("no_alt")
def pictures_are_described(desk: Desk) -> Flaws:
    for pick, picture in desk.pictured:
        if not (pick.alt or (picture.alt if pick.picture else pick.article.picture_alt or picture.alt)):
            yield _("The picture of “%(title)s” has no alternative text.") % named(pick), target_of(pick)


@blocks("no_credit")
def pictures_name_their_maker(desk: Desk) -> Flaws:
    """Who made it must be named (§ 13 UrhG); a program has no such right, and its label stands under the picture."""
    for pick, picture in desk.pictured:
        is_machine_made = picture.is_machine_made or (not pick.picture and pick.article.has_machine_picture)
        if is_machine_made or credit_of(pick):
            continue
        feed = None if pick.picture else pick.article.feed
        message = (
            _(
                "The picture of “%(title)s” names nobody as its maker. Add the credit at the picture, or one for all pictures at the feed %(feed)s, or show another."
            )
            if feed
            else _(
                "The picture of “%(title)s” names nobody as its maker. Add the credit at the picture, or show another."
            )
        )
        yield message % {**named(pick), "feed": feed}, target_of(pick)


@blocks("unlabelled_machine_picture")
def machine_pictures_are_labelled(desk: Desk) -> Flaws:
    for pick, picture in desk.pictured:
        is_labelled = picture.is_machine_made or (not pick.picture and pick.article.has_machine_picture)
        if not is_labelled and _MACHINE.search(credit_of(pick)):
            message = _(
                "The credit of the picture of “%(title)s” tells of a machine, but readers are not told. Say at the picture how it was made."
            )
            yield message % named(pick), target_of(pick)


@advises("unmailable_picture")
def pictures_can_be_mailed(desk: Desk) -> Flaws:
    for pick, picture in desk.pictured:
        if not picture.file.name.lower().endswith(MAILABLE_PICTURES):
            message = _(
                "The picture of “%(title)s” is in a format that mail programs do not show; it is left out."
            )
            yield message % named(pick), target_of(pick)


@advises("heavy_picture")
def pictures_are_light(desk: Desk) -> Flaws:
    for pick, picture in desk.pictured if desk.rendered else ():
        try:
            size = picture.file.size
        except OSError:  # gone from the disk: the page of the picture shows that
            continue
        if size > HEAVY_BYTES:
            message = _("The picture of “%(title)s” weighs %(size)d kB; on the move that takes seconds.")
            yield message % {**named(pick), "size": size // 1000}, target_of(pick)
