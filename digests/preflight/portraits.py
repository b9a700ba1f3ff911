"""Rules about the portrait beside the note: those of any picture that a mail shows."""

from django.utils.translation import gettext as _

from digests.credits import tells_of_a_machine
from digests.preflight.pictures import HEAVY_BYTES, bytes_of
from digests.preflight.registry import Desk, Flaws, advises, blocks
from digests.signatures import portrait_of
from digests.stories import MAILABLE_PICTURES

TARGET = "id_note_author"


@blocks("portrait_no_alt")
def portrait_is_described(desk: Desk) -> Flaws:
    portrait = portrait_of(desk.digest)
    if portrait and not portrait.alt.strip():
        yield (
            _("The portrait of %(name)s has no alternative text. Add it at the picture.") % _who(desk),
            TARGET,
        )


@blocks("portrait_no_credit")
def portrait_names_its_maker(desk: Desk) -> Flaws:
    portrait = portrait_of(desk.digest)
    if portrait and not portrait.is_machine_made and not portrait.credit.strip():
        message = _("The portrait of %(name)s names nobody as its maker. Add the credit at the picture.")
        yield message % _who(desk), TARGET


@blocks("portrait_unlabelled")
def machine_portrait_is_labelled(desk: Desk) -> Flaws:
    portrait = portrait_of(desk.digest)
    if portrait and not portrait.is_machine_made and tells_of_a_machine(portrait.credit):
        message = _(
            "The credit of the portrait of %(name)s tells of a machine, but readers are not told. Say at the picture how it was made."
        )
        yield message % _who(desk), TARGET


@advises("portrait_unmailable")
def portrait_can_be_mailed(desk: Desk) -> Flaws:
    portrait = portrait_of(desk.digest)
    if portrait and not portrait.file.name.lower().endswith(MAILABLE_PICTURES):
        message = _("The portrait of %(name)s is in a format that mail programs do not show; it is left out.")
        yield message % _who(desk), TARGET


@advises("portrait_heavy")
def portrait_is_light(desk: Desk) -> Flaws:
    portrait = portrait_of(desk.digest) if desk.rendered else None
    if portrait and (size := bytes_of(portrait)) > HEAVY_BYTES:
        message = _("The portrait of %(name)s weighs %(size)d kB; on the move that takes seconds.")
        yield message % {**_who(desk), "size": size // 1000}, TARGET


def _who(desk: Desk) -> dict[str, str]:
    return {"name": str(desk.digest.note_author)}
