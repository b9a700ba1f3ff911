"""What can go wrong on a digest's way from draft to hand-over. The text of each is one sentence for whoever acted.

DigestError
├── NoPlan              the newsletter has no plan, so nobody knows its slots and windows
├── NewsletterAtRest    only an active newsletter makes digests
├── WindowTaken         the window is empty, or another digest has it
├── WrongState          the act does not fit what the digest has become; `state` says what
│   ├── WentOn          the digest is further than whoever acted was shown: look again, then repeat
│   └── EditConflict    somebody else changed the digest first: look again, then repeat (`expected`, `actual`)
│       └── EditClash   two people changed the same fields: somebody must choose (`merge`, `theirs`)
├── PickRefused         the article cannot stand there
├── NotReady            preflight blocks; `findings` says why
├── NotApproved         nothing that is approved could be sent
│   └── StaleProof      the digest changed after the proof: a new proof is needed
├── SecondPersonNeeded  the plan wants two people
├── LinkClosed          the link in a letter decides nothing any more
├── NoColleague         nobody was named who can get a test
├── TimePast            the time lies behind us
├── TooLate             the digest waited past the late limit and needs a person
├── BadAddress          nobody can be sent to what somebody typed
├── LinkMoved           somebody else repointed the link first
├── WordsChanged        somebody else wrote or rewrote the note or the correction mail first
├── CorrectionRefused   a correction mail cannot take this step
├── MarkRefused         the newsletter could never take the article
└── NoSuchGroup         no group of staff has this name; `migrate` makes the five there are
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from django.utils.translation import gettext as _

from digests.merging import Merge, Sheet
from digests.states import DigestState


class Blocking(Protocol):
    """What NotReady needs of a preflight finding."""

    @property
    def message(self) -> str: ...


class DigestError(Exception):
    """Base of all errors of this app."""


class NoPlan(DigestError):
    """Without a plan there are no slots and no window."""


class NewsletterAtRest(DigestError):
    """Only an active newsletter makes digests."""


class WindowTaken(DigestError):
    """The cut-off is not after the last one, or another digest has the same."""


class WrongState(DigestError):
    """The act does not fit what the digest has become."""

    def __init__(self, sentence: str, *, state: str) -> None:
        super().__init__(sentence)
        self.state = state


class WentOn(WrongState):
    """The digest is further than whoever acted was shown: what they did would undo a proof, an approval or a schedule."""

    def __init__(self, *, state: str) -> None:
        # Translators: „Die Ausgabe ist inzwischen weiter. Ihr Stand: eingeplant. Geändert wurde nichts; …“
        sentence = _(
            "The digest has gone on meanwhile and is now: %(state)s. Nothing was changed; look at it, then repeat it if you still want to."
        )
        super().__init__(sentence % {"state": DigestState(state).label}, state=state)


class EditConflict(WrongState):
    """Somebody else changed the digest first; looking again and repeating can help."""

    def __init__(self, *, expected: int, actual: int, state: str) -> None:
        super().__init__(self.sentence(), state=state)
        self.expected = expected
        self.actual = actual

    def sentence(self) -> str:
        # Translators: „Jemand anders hat die Ausgabe inzwischen geändert; laden Sie sie neu.“
        return _("Somebody else has changed this digest meanwhile; reload it and try again.")


class EditClash(EditConflict):
    """Two people changed the digest from the same version. Without a clash in `merge`, a person must only look."""

    def __init__(self, *, merge: Merge, theirs: Sheet, expected: int, actual: int, state: str) -> None:
        self.merge = merge
        self.theirs = theirs
        super().__init__(expected=expected, actual=actual, state=state)

    def sentence(self) -> str:
        if self.merge.clashes:
            return _("Somebody else has changed the same place meanwhile. Choose below; nothing is lost.")
        return _("Somebody else has changed this digest meanwhile. Press “Save”, and both come together.")


class PickRefused(DigestError):
    """The article cannot stand there."""


class NotReady(DigestError):
    """Preflight blocks the digest."""

    def __init__(self, findings: Sequence[Blocking]) -> None:
        what = "; ".join(finding.message.rstrip(".") for finding in findings)
        super().__init__(_("The digest is not ready: %(what)s.") % {"what": what})
        self.findings = tuple(findings)


class NotApproved(DigestError):
    """Nothing that is approved could be sent."""


class StaleProof(NotApproved):
    """The digest changed after this proof."""

    def __init__(self) -> None:
        # Translators: „Abnahme veraltet: …“
        super().__init__(_("This proof is out of date: the digest was changed or proofed again after it."))


class SecondPersonNeeded(DigestError):
    """The plan wants two people."""


class LinkClosed(DigestError):
    """The link in a request for approval decides nothing any more; the text says why."""


class NoColleague(DigestError):
    """Nobody was named who can get a test."""


class TimePast(DigestError):
    """A time was given that lies behind us."""

    def __init__(self, when: datetime) -> None:
        super().__init__(_("%(time)s is in the past.") % {"time": when.isoformat(timespec="minutes")})
        self.when = when


class TooLate(DigestError):
    """The digest waited past the late limit."""


class BadAddress(DigestError):
    """No link may lead to what somebody typed."""


class LinkMoved(DigestError):
    """Somebody else repointed the link first; looking again helps."""

    def __init__(self) -> None:
        super().__init__(_("Somebody else has changed this link meanwhile; look again where it leads now."))


class WordsChanged(DigestError):
    """Somebody else changed the words first; reading them and repeating helps."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "Somebody else has changed these words meanwhile. Nothing was saved; read how they stand now, then repeat it if you still want to."
            )
        )


class CorrectionRefused(DigestError):
    """A correction mail cannot take this step."""


class MarkRefused(DigestError):
    """The newsletter could never take the article, so nobody would see the mark."""

    def __init__(self) -> None:
        super().__init__(self.sentence())

    @staticmethod
    def sentence() -> str:
        return _(
            "Only a newsletter in the article's language that goes on can take it: nobody would see the mark."
        )


class NoSuchGroup(DigestError):
    """A staff user without a group could sign in and see nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(_("There is no group “%(name)s”.") % {"name": name})
