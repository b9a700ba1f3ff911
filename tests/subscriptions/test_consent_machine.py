"""Whatever readers, strangers, scanners and staff do, and in whatever order: nobody reads who never agreed."""

import datetime as dt
import re
from contextlib import suppress

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from subscriptions import consent, privacy, suppression
from subscriptions.errors import LinkError, NothingToPause, SameAddress, UndoExpired
from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription
from subscriptions.states import ConsentKind, SubscriptionState, SuppressionReason
from tests.factories import NOON, make_newsletter
from tests.subscriptions.factories import confirm_token

ADDRESSES = ("mia@example.org", "tom@example.org")
ADDRESS_LINK = re.compile(r"/address/([\w-]+)/")
AGREED = {ConsentKind.CONFIRMED, ConsentKind.RESTORED, ConsentKind.IMPORTED}
ENDED = {ConsentKind.UNSUBSCRIBED, ConsentKind.SUPPRESSED, ConsentKind.ERASED}


class Agreements(RuleBasedStateMachine):
    """Acts on two readers and two newsletters, with time going on between them."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.at = NOON
        self.newsletters: list[Newsletter] = [make_newsletter(), make_newsletter()]
        self.tokens: list[str] = []
        self.moves: list[str] = []
        self.ways_back: list[str] = []

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    def rows(self) -> list[Subscription]:
        return list(Subscription.objects.select_related("subscriber", "newsletter").order_by("pk"))

    @rule(seconds=st.sampled_from([1, 90, 3_600, 26 * 3_600, 8 * 86_400, 40 * 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.at += dt.timedelta(seconds=seconds)

    @rule(address=st.sampled_from(ADDRESSES), picks=st.sets(st.integers(0, 1), min_size=1))
    def somebody_asks(self, address: str, picks: set[int]) -> None:
        known = set(Letter.objects.values_list("pk", flat=True))
        consent.request_subscription(
            consent.Wish(
                typed_address=address,
                newsletters=[self.newsletters[pick] for pick in sorted(picks)],
                language="de",
                form="/",
                network_address=f"2001:db8:{Letter.objects.count():x}::1",
            ),
            at=self.at,
        )
        new = Letter.objects.filter(kind=LetterKind.CONFIRMATION).exclude(pk__in=known)
        self.tokens += [confirm_token(letter) for letter in new]

    @rule(data=st.data())
    def a_link_is_pressed(self, data: st.DataObject) -> None:
        if self.tokens:
            token = data.draw(st.sampled_from(self.tokens))
            with suppress(LinkError):
                consent.confirm(token, network_address="", at=self.at)

    @rule(data=st.data(), by=st.sampled_from(["", "petra"]))
    def somebody_leaves(self, data: st.DataObject, by: str) -> None:
        if rows := self.rows():
            row = data.draw(st.sampled_from(rows))
            consent.unsubscribe(row, how="/u/", network_address=None, at=self.at, actor=by)

    @rule(data=st.data())
    def somebody_undoes(self, data: st.DataObject) -> None:
        if rows := self.rows():
            with suppress(UndoExpired):
                consent.restore(data.draw(st.sampled_from(rows)), how="/u/", network_address=None, at=self.at)

    @rule(data=st.data())
    def somebody_pauses(self, data: st.DataObject) -> None:
        if rows := self.rows():
            row = data.draw(st.sampled_from(rows))
            with suppress(NothingToPause):
                consent.pause(
                    row,
                    until=self.at + dt.timedelta(weeks=2),
                    how="/preferences/",
                    network_address=None,
                    at=self.at,
                )

    @rule(data=st.data(), wanted=st.sets(st.integers(0, 1)))
    def settings_are_saved(self, data: st.DataObject, wanted: set[int]) -> None:
        readers = list(Subscriber.objects.filter(address__isnull=False))
        if readers:
            consent.change_settings(
                data.draw(st.sampled_from(readers)),
                newsletters=self.newsletters,
                wanted={self.newsletters[pick].pk for pick in wanted},
                pauses={},
                language="en",
                how="/preferences/",
                network_address=f"2001:db8:1:{len(self.tokens):x}::1",
                at=self.at,
            )

    @rule(data=st.data(), address=st.sampled_from(ADDRESSES))
    def somebody_wants_another_address(self, data: st.DataObject, address: str) -> None:
        readers = list(Subscriber.objects.filter(address__isnull=False))
        if readers:
            known = set(Letter.objects.values_list("pk", flat=True))
            with suppress(SameAddress):
                consent.ask_for_new_address(
                    data.draw(st.sampled_from(readers)), typed_address=address, network_address="", at=self.at
                )
            consent.decide_new_addresses(at=self.at)
            self.keep_address_links(known)

    @rule(data=st.data())
    def a_move_is_confirmed(self, data: st.DataObject) -> None:
        if self.moves:
            known = set(Letter.objects.values_list("pk", flat=True))
            with suppress(LinkError):
                consent.confirm_new_address(
                    data.draw(st.sampled_from(self.moves)), network_address=None, at=self.at
                )
            self.keep_address_links(known)

    @rule(data=st.data())
    def a_move_is_undone(self, data: st.DataObject) -> None:
        if self.ways_back:
            with suppress(LinkError):
                consent.undo_new_address(
                    data.draw(st.sampled_from(self.ways_back)), network_address=None, at=self.at
                )

    def keep_address_links(self, known: set[int]) -> None:
        for letter in Letter.objects.exclude(pk__in=known):
            if letter.kind == LetterKind.NEW_ADDRESS:
                self.moves.append(ADDRESS_LINK.findall(letter.text)[0])
            elif letter.kind == LetterKind.ADDRESS_CHANGED:
                self.ways_back.append(ADDRESS_LINK.findall(letter.text)[0])

    @rule(data=st.data(), reason=st.sampled_from(list(SuppressionReason)))
    def mail_is_stopped(self, data: st.DataObject, reason: SuppressionReason) -> None:
        readers = list(Subscriber.objects.exclude(address_hash=""))
        if readers:
            suppression.suppress(data.draw(st.sampled_from(readers)).address_hash, reason=reason, at=self.at)

    @rule(data=st.data())
    def a_reader_is_erased(self, data: st.DataObject) -> None:
        readers = list(Subscriber.objects.filter(address__isnull=False))
        if readers:
            privacy.erase_reader(data.draw(st.sampled_from(readers)), actor="", at=self.at)

    @invariant()
    def nobody_reads_who_never_agreed(self) -> None:
        for row in self.rows():
            events = ConsentEvent.objects.filter(subscriber=row.subscriber, newsletter__in=[row.newsletter])
            kinds = [ConsentKind(event.kind) for event in events if event.kind in AGREED | ENDED]
            if row.state == SubscriptionState.ACTIVE:
                assert ConsentKind.CONFIRMED in kinds
                assert kinds[-1] in AGREED
                assert row.confirmed_at is not None
                assert row.subscriber.address

    @invariant()
    def one_row_stands_for_what_moved(self) -> None:
        for row in self.rows():
            if row.moved_to_id is not None:
                assert row.state != SubscriptionState.ACTIVE
                assert Subscription.objects.get(pk=row.moved_to_id).newsletter_id == row.newsletter_id

    @invariant()
    def a_stopped_address_reads_nothing(self) -> None:
        active = Subscriber.objects.filter(subscriptions__state=SubscriptionState.ACTIVE)
        assert not suppression.among({reader.address_hash for reader in active})


@pytest.mark.django_db
def test_nobody_reads_who_never_agreed() -> None:
    run_state_machine_as_test(
        Agreements,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
