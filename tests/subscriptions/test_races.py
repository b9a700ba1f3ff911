"""Two at once, each on a connection of its own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections

from newsroom.mail.models import Letter
from subscriptions import consent
from subscriptions.models import Confirmation, ConsentEvent, Subscriber, Subscription
from subscriptions.states import ConsentKind
from tests.factories import NOON, make_newsletter, make_subscription
from tests.subscriptions.factories import make_confirmation, make_pending

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


@pytest.fixture
def at_once() -> Iterator[Callable[..., list[Any]]]:
    """Runs acts in threads that start together; each has its own connection, and closes it."""

    def run(*acts: Callable[[], Any]) -> list[Any]:
        barrier = Barrier(len(acts))

        def act_on_own_connection(act: Callable[[], Any]) -> Any:
            try:
                barrier.wait(timeout=10)
                return act()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(acts)) as pool:
            return list(pool.map(act_on_own_connection, acts))

    yield run
    connection.close()


def _ask(address: str, newsletter_id: int) -> None:
    from subscriptions.models import Newsletter

    consent.request_subscription(
        typed_address=address,
        newsletters=[Newsletter.objects.select_related("sender").get(pk=newsletter_id)],
        language="de",
        form="/",
        network_address="203.0.113.7",
        at=NOON,
    )


@pytest.mark.parametrize(
    "spellings",
    [("mia@example.org",) * 4, ("Mia@EXÄMPLE.de", "mia@xn--exmple-cua.de") * 2],
    ids=["same", "two spellings"],
)
def test_sign_ups_at_the_same_moment_make_one_row_and_one_letter(
    spellings: tuple[str, ...], at_once: Callable[..., list[Any]]
) -> None:
    newsletter = make_newsletter()

    at_once(*(lambda spelling=spelling: _ask(spelling, newsletter.pk) for spelling in spellings))

    assert Subscriber.objects.count() == 1
    assert Subscription.objects.count() == 1
    assert Letter.objects.count() == 1
    assert ConsentEvent.objects.count() == 1


def test_variants_of_one_mailbox_at_the_same_moment_get_one_letter(
    at_once: Callable[..., list[Any]],
) -> None:
    newsletter = make_newsletter()

    at_once(*(lambda number=number: _ask(f"mia+{number}@gmail.com", newsletter.pk) for number in range(4)))

    assert Letter.objects.count() == 1


def test_two_presses_confirm_once(at_once: Callable[..., list[Any]]) -> None:
    _confirmation, secret = make_confirmation(make_pending(make_newsletter()))

    done = at_once(*[lambda: consent.confirm(secret, network_address="", at=NOON)] * 2)

    assert sorted(each.was_already for each in done) == [False, True]
    assert ConsentEvent.objects.filter(kind=ConsentKind.CONFIRMED).count() == 1
    assert Letter.objects.count() == 1
    assert Confirmation.objects.get().used_at == NOON


def test_leaving_at_the_same_moment_is_recorded_once(at_once: Callable[..., list[Any]]) -> None:
    row = make_subscription(newsletter=make_newsletter())

    def leave() -> bool:
        same = Subscription.objects.select_related("subscriber", "newsletter").get(pk=row.pk)
        return consent.unsubscribe(same, how="one-click", network_address=None, at=NOON)

    assert sorted(at_once(*[leave] * 3)) == [False, False, True]
    assert ConsentEvent.objects.filter(kind=ConsentKind.UNSUBSCRIBED).count() == 1
