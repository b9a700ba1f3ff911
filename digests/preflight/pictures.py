"""Rules about the pictures that a mail shows."""

from django.utils.translation import gettext as _

from digests.credits import tells_of_a_machine
from digests.models import Pick
from digests.preflight.registry import Desk, Flaws, advises, blocks, named, target_of
from digests.stories import MAILABLE_PICTURES, credit_of
from newsroom.articles import cuts
from newsroom.articles.errors import PictureError
from newsroom.articles.models import Picture
from newsroom.articles.states import Crop

HEAVY_BYTES = 100_000
"""What a phone on a train should fetch for one picture, at most."""


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
        if not is_labelled and tells_of_a_machine(credit_of(pick)):
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


@blocks("uncuttable_picture")
def pictures_can_be_cut(desk: Desk) -> Flaws:
    """Cuts it too, so that the first reader need not wait for it."""
    for pick, picture in desk.pictured if desk.rendered else ():
        if _weight(pick, picture) is None:
            message = _(
                "The picture of “%(title)s” cannot be cut: its file is damaged or missing. Show the whole picture, or another."
            )
            yield message % named(pick), target_of(pick)


@advises("heavy_picture")
def pictures_are_light(desk: Desk) -> Flaws:
    for pick, picture in desk.pictured if desk.rendered else ():
        if (size := _weight(pick, picture) or 0) > HEAVY_BYTES:
            message = _("The picture of “%(title)s” weighs %(size)d kB; on the move that takes seconds.")
            yield message % {**named(pick), "size": size // 1000}, target_of(pick)


def _weight(pick: Pick, picture: Picture) -> int | None:
    """How heavy what the mail shows of it is; nothing for a piece that cannot be cut."""
    if not pick.crop:
        return bytes_of(picture)
    try:
        return cuts.size(picture, Crop(pick.crop))
    except PictureError:
        return None


def bytes_of(picture: Picture) -> int:
    """How heavy its file is; 0 if it is gone from the disk, which the page of the picture shows."""
    try:
        return int(picture.file.size)
    except OSError:
        return 0
