"""What must hold of every mailing at any time, checked against what the provider itself took."""

from collections.abc import Collection

from digests.delivery import ledger
from digests.delivery.auditing import audit
from digests.delivery.models import Delivery, Mailing
from digests.delivery.states import DeliveryState
from tests.digests.delivery.scripted import ScriptedProvider


def assert_account_holds(mailing: Mailing) -> None:
    """Conservation: every copy once, all counts agree."""
    result = audit(mailing)
    assert result.problems == []
    mailing.refresh_from_db()
    assert sum(result.counts.values()) == mailing.frozen


def assert_no_lie(
    mailing: Mailing, provider: ScriptedProvider, *, sent_again: Collection[int] = frozenset()
) -> None:
    """Nobody got it twice; accepted means taken; rejected, skipped and cancelled mean not taken.

    sent_again: what a person had sent once more without knowing; whoever is in there may have got it already.
    """
    assert [pk for pk, times in provider.taken.items() if times > 1 and pk not in sent_again] == []
    for pk, state in ledger.of_mailing(mailing.pk).values_list("pk", "state"):
        if state == DeliveryState.ACCEPTED:
            assert provider.taken[pk] == 1 or pk in sent_again, f"{pk} is said to be accepted"
            assert provider.taken[pk], f"{pk} is said to be accepted"
        if pk not in sent_again and state in (
            DeliveryState.REJECTED,
            DeliveryState.SKIPPED,
            DeliveryState.CANCELLED,
        ):
            assert provider.taken[pk] == 0, f"{pk} is said to be {state}"


def states(mailing: Mailing) -> dict[str, int]:
    """How many copies are in each state."""
    found: dict[str, int] = {}
    for state in Delivery.objects.filter(mailing=mailing).values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found
