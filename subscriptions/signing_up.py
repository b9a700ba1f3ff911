"""One set of rules for every way to sign up: our pages, forms on other sites, the API.

What a sign-up comes to depends on what was sent, never on what we know of the address. Limits, and what happens when
sign-ups flood in, are the consent's own matter and hold for all three alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from newsroom.mail.addresses import suggest
from subscriptions import consent
from subscriptions.errors import Misspelt, PressedTooSoon
from subscriptions.models import Newsletter
from subscriptions.wording import PICKS

# A person needs longer than this to type an address; a robot that posts at once is asked again.
TIME_TO_TYPE = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True)
class SignUp:
    """What was sent. trap: the field that no person sees; insists: the address is meant as it is written.

    weekly: of which newsletters, by id, only the best of the week is wanted.
    """

    typed_address: str
    newsletters: Sequence[Newsletter]
    language: str
    place: str
    network_address: str
    wording_version: str = PICKS
    trap: str = ""
    insists: bool = False
    weekly: frozenset[int] = frozenset()


def take(wish: SignUp, *, at: datetime) -> None:
    """Take a sign-up down and ask for its confirmation by letter; who fills the trap learns nothing.

    Raises BadAddress, and Misspelt for what looks like a slip at a well-known domain.
    """
    if wish.trap:
        return
    if not wish.insists and (meant := suggest(wish.typed_address)):
        raise Misspelt(meant)
    consent.request_subscription(
        typed_address=wish.typed_address,
        newsletters=wish.newsletters,
        language=wish.language,
        form=wish.place,
        network_address=wish.network_address,
        at=at,
        wording_version=wish.wording_version,
        weekly=wish.weekly,
    )


def take_from_page(wish: SignUp, *, shown_at: float | None, at: datetime) -> None:
    """The same for a page of ours, which says by a signed stamp when it was shown; None: it bore no stamp of ours.

    Raises PressedTooSoon too.
    """
    if not wish.trap and (shown_at is None or at.timestamp() - shown_at < TIME_TO_TYPE.total_seconds()):
        raise PressedTooSoon
    take(wish, at=at)
