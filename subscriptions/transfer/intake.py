"""A page of readers into a newsletter: judged line by line, compared with what our own house knows, written at once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from newsroom.web import keys
from subscriptions import moves, suppression
from subscriptions.models import Newsletter, Subscription
from subscriptions.states import Cadence, SubscriptionState, SuppressionReason
from subscriptions.suppression import Stop
from subscriptions.transfer import writing
from subscriptions.transfer.answering import answered
from subscriptions.transfer.judging import Line, LineResult, Reader, Stopped, judge

_KNOWN = {SubscriptionState.ACTIVE: LineResult.ALREADY, SubscriptionState.UNSUBSCRIBED: LineResult.LEFT}


class Intake:
    """One import under way. A dry one writes nothing, and remembers what it would have written."""

    def __init__(
        self,
        *,
        newsletter: Newsletter,
        basis: str,
        actor: str,
        at: datetime,
        facts: Mapping[str, object] | None = None,
        is_dry_run: bool = False,
    ) -> None:
        self.newsletter, self.basis, self.actor, self.at = newsletter, basis, actor, at
        self.facts = facts or {}
        self.is_dry_run = is_dry_run
        self._has_weekly = newsletter.has_weekly
        self._knows_some = True
        self._stopped: set[str] = set()
        self._unasked: set[str] = set()
        self._taken: set[str] = set()

    def take(self, page: Iterable[tuple[int, Mapping[str, str]]]) -> list[Line]:
        """What becomes of these lines, in their order; what can be taken is written, in one transaction.

        Queries: at most 19, whatever the number of lines. Inside a page a line that stops an address weighs more
        than one that enrols it, wherever it stands.
        """
        return self.take_judged(
            [judge(number, row, newsletter=self.newsletter.slug, at=self.at) for number, row in page]
        )

    def take_judged(self, judged: Sequence[Reader | Stopped | Line]) -> list[Line]:
        """The same for lines that have been judged by themselves."""
        with transaction.atomic():
            self._wait_for_others()
            judged = [self._with_best_of(each) for each in judged]
            self._hold([each.address_hash for each in judged if not isinstance(each, Line)])
            stopped = [each for each in judged if isinstance(each, Stopped)]
            answering = self._answered(stopped)
            self._stop([each for each in stopped if each.number not in answering])
            results = self._compare([each for each in judged if isinstance(each, Reader)])
        results |= dict.fromkeys(answering, LineResult.ANSWERED)
        return [each if isinstance(each, Line) else self._line(each, results) for each in judged]

    def _wait_for_others(self) -> None:
        """One page at a time into a newsletter, so that nobody is counted, or agreed for, twice. Sign-ups do not wait."""
        if not self.is_dry_run:
            own = Newsletter.objects.select_for_update(no_key=True).filter(pk=self.newsletter.pk)
            # Nobody ends it before this page is written, and who ends it then tells whom it took in.
            self._has_weekly = own.values_list("has_weekly", flat=True).get()

    def _with_best_of(self, judged: Reader | Stopped | Line) -> Reader | Stopped | Line:
        """Who wants a weekly best-of waits for one: each digest is more mail than she agreed to, and none is less."""
        if self._has_weekly or not isinstance(judged, Reader) or judged.cadence != Cadence.WEEKLY:
            return judged
        because = _("This newsletter has no weekly best-of: please make its weekly plan first.")
        return Line(number=judged.number, address=judged.typed, result=LineResult.NO_WEEKLY, because=because)

    def _hold(self, hashes: Sequence[str]) -> None:
        """Keep whom we know from being erased until this page is written.

        Waits for who is just being erased, and then finds her suppressed. Before all else, because an erasure locks its
        reader first and her subscriptions after.
        """
        if not self.is_dry_run:
            self._knows_some = writing.hold(hashes)

    def _line(self, judged: Reader | Stopped, results: Mapping[int, LineResult]) -> Line:
        if isinstance(judged, Stopped):
            result = results.get(judged.number, LineResult.STOPPED)
        else:
            result = results[judged.number]
        return Line(number=judged.number, address=judged.typed, result=result)

    def _answered(self, stopped: list[Stopped]) -> set[int]:
        """The numbers of lines that stop nothing, because their readers confirmed here since."""
        if not self._knows_some:
            return set()
        # Whom an earlier line of this file ends does not read here any more when a trial comes to this one.
        open_still = [each for each in stopped if each.address_hash not in self._stopped]
        return answered(open_still, newsletter=self.newsletter)

    def _stop(self, stopped: list[Stopped]) -> None:
        if self.is_dry_run:
            for each in stopped:
                is_of_asking = each.reason == SuppressionReason.NEVER_ASK
                (self._unasked if is_of_asking else self._stopped).add(each.address_hash)
            return
        stops = [
            Stop(
                address_hash=each.address_hash,
                reason=each.reason,
                newsletter=None if each.is_for_all else self.newsletter,
                note=self.basis[:300] if each.note is None else each.note,
                since=each.since,
            )
            for each in stopped
        ]
        suppression.suppress_all(stops, at=self.at)

    def _compare(self, readers: list[Reader]) -> dict[int, LineResult]:
        """What our own past says of each, by line; who may be taken is."""
        hashes = {reader.address_hash for reader in readers}
        stopped = suppression.among(hashes, newsletter=self.newsletter) | (self._stopped & hashes)
        # An old list is no answer to who wants no more questions; what she agreed to here, word for word, is.
        unproven = {each.address_hash for each in readers if not each.agreed}
        stopped |= suppression.want_no_questions(unproven) | (self._unasked & unproven)
        states = self._states(readers)
        # Who has moved is known by the address of an old list, too.
        former = moves.states_by_former(hashes, [each.normal for each in readers], newsletter=self.newsletter)
        results: dict[int, LineResult] = {}
        taken: list[Reader] = []
        seen: set[str] = set()
        for reader in readers:
            state = states.get(reader.normal) or former.get(reader.address_hash)
            if reader.normal in seen:
                results[reader.number] = LineResult.TWICE
            elif reader.address_hash in stopped:
                results[reader.number] = LineResult.SUPPRESSED
            elif reader.normal in self._taken:
                results[reader.number] = LineResult.ALREADY
            else:
                results[reader.number] = _KNOWN.get(state, LineResult.TAKEN) if state else LineResult.TAKEN
                if results[reader.number] is LineResult.TAKEN:
                    taken.append(reader)
            seen.add(reader.normal)
        if self.is_dry_run:
            self._taken.update(reader.normal for reader in taken)
            return results
        writing.enrol(
            taken,
            newsletter=self.newsletter,
            basis=self.basis,
            actor=self.actor,
            at=self.at,
            are_some_known=any(state in writing.RAISED for state in states.values()),
            facts=self.facts,
        )
        return results

    def _states(self, readers: list[Reader]) -> dict[str, SubscriptionState]:
        """The present states of those who are known to this newsletter, by address, locked unless nothing is written.

        Who left has left until she confirms again: anybody can ask for her, and asking alone changes nothing.
        """
        if not readers or not self._knows_some:
            return {}
        rows = Subscription.objects.filter(
            newsletter=self.newsletter,
            subscriber__address__in=keys.among([reader.normal for reader in readers]),
        ).order_by("pk")
        if not self.is_dry_run:
            rows = rows.select_for_update(of=("self",))
        found = rows.values_list("subscriber__address", "state", "unsubscribed_at")
        return {
            address: SubscriptionState.UNSUBSCRIBED
            if left_at and state in writing.RAISED
            else SubscriptionState(state)
            for address, state, left_at in found
            if address
        }
