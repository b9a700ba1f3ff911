"""One set of rules for every way to sign up: our pages, forms on other sites, the API.

What a sign-up comes to depends on what was sent, never on what we know of the address. Limits, and what happens when
sign-ups flood in, are the consent's own matter and hold for all three alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from newsroom.mail.addresses import suggest
from subscriptions import consent
from subscriptions.errors import CadenceRefused, Misspelt, OpenTooLong, PressedTooSoon
from subscriptions.models import Newsletter
from subscriptions.states import Cadence
from subscriptions.wording import PICKS, Shown

# A person needs longer than this to type an address; a robot that posts at once is asked again.
TIME_TO_TYPE = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True)
class SignUp:
    """What was sent. trap: the field that no person sees; insists: the address is meant as it is written.

    language: of our letters; shown: which words she saw of a newsletter, by id, where not those of the version in that
    language. weekly: of which newsletters, by id, only the best of the week is wanted.
    """

    typed_address: str
    newsletters: Sequence[Newsletter]
    language: str
    place: str
    network_address: str
    wording_version: str = PICKS
    shown: Mapping[int, Shown] = field(default_factory=dict)
    trap: str = ""
    insists: bool = False
    weekly: frozenset[int] = frozenset()


def weekly_among(newsletters: Sequence[Newsletter], cadences: Mapping[str, str]) -> frozenset[int]:
    """Of which newsletters only the best of the week is asked for, by id.

    cadences: by slug, in the words of `Cadence`; of what is not named each digest comes. Raises CadenceRefused for a
    cadence that does not exist, and for a best-of where there is none: each digest is more mail than she asked for.
    """
    by_slug = {each.slug: each for each in newsletters}
    for slug, cadence in cadences.items():
        if slug not in by_slug:
            # Translators: „%(slug)s“ ist nicht unter den bestellten Newslettern.
            sentence = _("“%(slug)s” is not among the newsletters asked for.") % {"slug": slug}
            raise CadenceRefused(sentence, slug=slug)
        if cadence not in Cadence.values:
            # Translators: Diese Auswahl gibt es bei „%(name)s“ nicht. Bitte wählen Sie jede Ausgabe oder das Beste der Woche.
            words = _(
                "“%(name)s” does not come that often. Please choose every issue or the best of the week."
            )
            raise CadenceRefused(words % {"name": by_slug[slug].name}, slug=slug)
        if cadence == Cadence.WEEKLY and not by_slug[slug].has_weekly:
            raise no_weekly(by_slug[slug])
    return frozenset(by_slug[slug].pk for slug, cadence in cadences.items() if cadence == Cadence.WEEKLY)


def no_weekly(newsletter: Newsletter) -> CadenceRefused:
    """That it has no best of the week, in words for whoever asked."""
    # Translators: Das Beste der Woche gibt es bei „%(name)s“ nicht. Bitte wählen Sie jede Ausgabe oder einen anderen Newsletter.
    words = _("“%(name)s” has no best of the week. Please choose every issue or another newsletter.")
    return CadenceRefused(words % {"name": newsletter.name}, slug=newsletter.slug)


def take(wish: SignUp, *, at: datetime) -> None:
    """Take a sign-up down; a worker asks for its confirmation by letter. Who fills the trap learns nothing.

    Raises BadAddress, and Misspelt for what looks like a slip at a well-known domain.
    """
    if wish.trap:
        return
    if not wish.insists and (meant := suggest(wish.typed_address)):
        raise Misspelt(meant)
    consent.take_down(
        consent.Wish(
            typed_address=wish.typed_address,
            newsletters=wish.newsletters,
            language=wish.language,
            form=wish.place,
            network_address=wish.network_address,
            wording_version=wish.wording_version,
            shown=wish.shown,
            weekly=wish.weekly,
        ),
        at=at,
    )


def take_from_page(wish: SignUp, *, shown_at: float | None, at: datetime) -> None:
    """The same for a page of ours, which says by a signed stamp when it was shown; None: it bore none that is good.

    Raises OpenTooLong and PressedTooSoon too.
    """
    if not wish.trap:
        if shown_at is None:
            raise OpenTooLong
        if at.timestamp() - shown_at < TIME_TO_TYPE.total_seconds():
            raise PressedTooSoon
    take(wish, at=at)
