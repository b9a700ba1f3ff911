"""List-bombing: what reaches mailboxes when thousands sign up who are nobody, with Redis and without its memory."""

import datetime as dt
import os

import pytest
import redis
from django.conf import LazySettings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from newsroom.mail import letters
from newsroom.mail.addresses import normalise
from newsroom.mail.models import Incident, Letter
from newsroom.web import throttles, tokens
from newsroom.web.clock import now
from subscriptions import consent
from subscriptions.consent import attack
from subscriptions.consent.limits import let_in
from subscriptions.models import Confirmation, Newsletter, Subscription
from subscriptions.tasks import watch_sign_ups
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token, path_of, signup_fields

pytestmark = pytest.mark.django_db

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


def flush() -> None:
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.flushall()


def network(number: int) -> str:
    return f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}"


def ask(address: str, newsletter: Newsletter, *, network: str, at: dt.datetime = NOON) -> None:
    consent.request_subscription(
        consent.Wish(
            typed_address=address,
            newsletters=[newsletter],
            language="de",
            form="/subscribe/",
            network_address=network,
        ),
        at=at,
    )


def flood(newsletter: Newsletter, number: int, *, at: dt.datetime = NOON) -> None:
    for each in range(number):
        ask(f"reader{each}@host{each}.example.org", newsletter, network=network(each), at=at)


@pytest.fixture
def _small(settings: LazySettings) -> None:
    settings.SIGNUPS_PER_HOUR = {"network": 40, "domain": 5, "site": 20}


@pytest.mark.slow
@pytest.mark.parametrize("is_flushed", [False, True], ids=["with its memory", "flushed half-way"])
def test_a_thousand_networks_get_one_mail_to_one_victim(is_flushed: bool) -> None:
    newsletter = make_newsletter()
    client = Client()

    for each in range(1000):
        if is_flushed and each == 500:
            watch_sign_ups()  # as each minute
            consent.decide_sign_ups()
            flush()
        fields = signup_fields(f"victim+{each}@gmail.com", newsletter)
        assert client.post("/subscribe/", fields, REMOTE_ADDR=network(each)).status_code == 303
    consent.decide_sign_ups()

    assert Letter.objects.count() == 1
    incident = Incident.objects.get()
    assert (incident.key, incident.facts["limit"]) == (attack.KEY, 600)


@pytest.mark.parametrize("at_once", [True, False], ids=["decided together", "decided one by one"])
def test_many_networks_get_no_letter_for_each_newsletter_to_one_victim(at_once: bool) -> None:
    newsletters = [make_newsletter(), make_newsletter(), make_newsletter()]
    client = Client()

    for each in range(30):
        fields = signup_fields("victim@example.org", newsletters[each % 3])
        client.post("/subscribe/", fields, REMOTE_ADDR=network(each))
        if not at_once:
            consent.decide_sign_ups()
    consent.decide_sign_ups()

    assert Letter.objects.count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("is_flushed", [False, True], ids=["with its memory", "flushed half-way"])
def test_one_network_writes_to_its_limit_of_a_thousand_strangers(
    is_flushed: bool, settings: LazySettings
) -> None:
    newsletter = make_newsletter()
    client = Client()
    limit = settings.SIGNUPS_PER_HOUR["network"]

    for each in range(1000):
        if is_flushed and each == 500:
            flush()
        fields = signup_fields(f"reader{each}@host{each}.example.org", newsletter)
        assert client.post("/subscribe/", fields, REMOTE_ADDR="203.0.113.7").status_code == 303
    consent.decide_sign_ups()

    assert Letter.objects.count() == limit
    # One network alone never slows everybody down, but staff hear of it.
    assert Incident.objects.get().key == attack.NETWORK_KEY


@pytest.mark.parametrize(
    ("address", "shown"), [("203.0.113.7", "203.0.113.0/24"), ("2001:db8:7:a11::5", "2001:db8:7::/48")]
)
def test_staff_hear_of_a_network_and_not_whose_line_it_is(
    address: str, shown: str, settings: LazySettings
) -> None:
    settings.SIGNUPS_PER_HOUR = {"network": 1, "domain": 50, "site": 600}
    newsletter = make_newsletter()

    for each in range(8):
        ask(f"reader{each}@host{each}.example.org", newsletter, network=address)

    incident = Incident.objects.get(key=attack.NETWORK_KEY)
    assert f"in the network {shown} were refused" in incident.text
    kept = f"{incident.title} {incident.text} {incident.facts}"
    assert address not in kept
    assert "a11" not in kept


def test_ipv6_counts_a_network_and_not_each_of_its_addresses(settings: LazySettings) -> None:
    settings.SIGNUPS_PER_HOUR = {"network": 3, "domain": 50, "site": 600}
    newsletter = make_newsletter()

    for each in range(9):
        ask(f"reader{each}@host{each}.example.org", newsletter, network=f"2001:db8:0:1::{each:x}")

    assert Letter.objects.count() == 3


@pytest.mark.usefixtures("_small")
def test_a_flooded_site_slows_its_letters_down_and_tells_staff_with_numbers() -> None:
    newsletter = make_newsletter()

    flood(newsletter, 25)

    times = sorted(Letter.objects.filter(not_before__gt=NOON).values_list("not_before", flat=True))
    assert times == [NOON + number * attack.BETWEEN_LETTERS for number in range(1, 6)]
    assert Letter.objects.due(NOON).count() == 20
    attack.watch(at=NOON + MINUTE)
    incident = Incident.objects.get()
    assert incident.facts["taken_since"] == 25
    assert incident.facts["limit"] == 20
    assert "20 sign-ups" in incident.text


@pytest.mark.usefixtures("_small")
def test_a_flooded_domain_is_enough_and_a_large_provider_is_no_domain() -> None:
    newsletter = make_newsletter()

    for each in range(8):
        ask(f"reader{each}@gmail.com", newsletter, network=network(each))
    assert not Incident.objects.exists()
    for each in range(8):
        ask(f"reader{each}@town.example.org", newsletter, network=network(100 + each))

    assert Incident.objects.get().facts["domain"] == "town.example.org"


@pytest.mark.usefixtures("_small")
def test_in_an_attack_the_first_of_a_network_and_of_an_address_goes() -> None:
    newsletter = make_newsletter()
    flood(newsletter, 21)
    before = Letter.objects.count()

    ask("first@a.example.org", newsletter, network="203.0.113.7", at=NOON + MINUTE)
    ask("second@b.example.org", newsletter, network="203.0.113.7", at=NOON + MINUTE)
    ask("first@a.example.org", newsletter, network="203.0.113.8", at=NOON + 5 * MINUTE)

    assert Letter.objects.count() == before + 1
    assert Subscription.objects.filter(subscriber__address="first@a.example.org").exists()


@pytest.mark.usefixtures("_small")
def test_an_attack_outlives_a_flushed_cache() -> None:
    newsletter = make_newsletter()
    flood(newsletter, 21)

    flush()
    ask("calm@example.org", newsletter, network="203.0.113.7", at=NOON + MINUTE)
    ask("calm@example.org", newsletter, network="203.0.113.8", at=NOON + 3 * MINUTE)

    letter = Letter.objects.latest("pk")
    assert letter.not_before > NOON + MINUTE
    assert Confirmation.objects.filter(subscriber__address="calm@example.org").count() == 1


@pytest.mark.usefixtures("_small")
def test_an_emptied_cache_learns_again_who_asked_from_where_and_for_which_domain() -> None:
    newsletter = make_newsletter()
    for each in range(3):
        ask(f"reader{each}@town.example.org", newsletter, network=f"2001:db8:0:1::{each:x}")
    ask("early@town.example.org", newsletter, network="203.0.113.9", at=NOON - 2 * HOUR)

    flush()
    for each in range(2):
        ask(f"more{each}@town.example.org", newsletter, network=network(each))
    assert not Incident.objects.exists()  # what is older than an hour counts no more
    ask("last@town.example.org", newsletter, network=network(9))

    assert Incident.objects.get().facts["domain"] == "town.example.org"


@pytest.mark.usefixtures("_small")
def test_who_had_a_turn_in_an_attack_has_no_other_after_a_flush() -> None:
    newsletter = make_newsletter()
    flood(newsletter, 21)
    ask("first@a.example.org", newsletter, network="203.0.113.7", at=NOON + MINUTE)
    before = Letter.objects.count()

    flush()
    ask("second@b.example.org", newsletter, network="203.0.113.7", at=NOON + 2 * MINUTE)

    assert Letter.objects.count() == before


@pytest.mark.parametrize("number", [3, 9])
def test_an_emptied_cache_costs_four_queries_once(
    number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    newsletter = make_newsletter()
    flood(newsletter, number)
    someone = normalise("mia@example.org")

    with django_assert_num_queries(0):
        assert let_in(someone, "203.0.113.7", at=NOON)
    flush()
    with django_assert_num_queries(4):  # confirmations, sign-ups that wait, attacks, and what was noted
        assert let_in(someone, "203.0.113.7", at=NOON)
    with django_assert_num_queries(0):
        assert let_in(someone, "203.0.113.7", at=NOON)


def test_without_redis_each_process_goes_by_the_database(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGNUPS_PER_HOUR = {"network": 3, "domain": 50, "site": 600}
    newsletter = make_newsletter()
    for each in range(2):
        ask(f"reader{each}@host{each}.example.org", newsletter, network="203.0.113.7")

    throttles._own().storage.reset()
    monkeypatch.setattr(throttles._Outage, "until", float("inf"))
    for each in range(9):
        throttles._own().storage.reset()  # as if another process answered each time
        ask(f"more{each}@host{each}.example.org", newsletter, network="203.0.113.7")
    assert Letter.objects.count() == 3
    monkeypatch.setattr(throttles._Outage, "until", 0.0)
    ask("back@example.org", newsletter, network="203.0.113.7")

    assert Letter.objects.count() == 3  # Redis has missed one, and is told


@pytest.mark.usefixtures("_small")
def test_an_attack_ends_by_itself_after_half_an_hour() -> None:
    newsletter = make_newsletter()
    flood(newsletter, 21)
    flush()  # an hour's counting would still be full of it

    attack.watch(at=NOON + 29 * MINUTE)
    assert Incident.objects.open().exists()
    attack.watch(at=NOON + 30 * MINUTE)
    ask("late@example.org", newsletter, network="203.0.113.7", at=NOON + 31 * MINUTE)

    assert not Incident.objects.open().exists()
    assert Letter.objects.latest("pk").not_before == NOON + 31 * MINUTE


def test_word_of_a_network_ends_by_itself_after_an_hour() -> None:
    attack.tell_of_network("203.0.113.7", limit=40, refused=200, at=NOON)

    attack.watch(at=NOON + 59 * MINUTE)
    assert Incident.objects.open().exists()
    attack.watch(at=NOON + 60 * MINUTE)

    assert not Incident.objects.open().exists()


@pytest.mark.usefixtures("_small")
def test_what_was_counted_before_an_attack_does_not_begin_the_next_one() -> None:
    newsletter = make_newsletter()
    flood(newsletter, 21)
    attack.watch(at=NOON + 30 * MINUTE)

    ask("late@example.org", newsletter, network="203.0.113.7", at=NOON + 31 * MINUTE)

    assert not Incident.objects.open().exists()


@pytest.mark.usefixtures("_small")
def test_staff_end_an_attack_by_resolving_its_incident() -> None:
    newsletter = make_newsletter()
    flood(newsletter, 21)

    Incident.objects.open().update(resolved_at=NOON + MINUTE)
    ask("calm@example.org", newsletter, network="203.0.113.7", at=NOON + 2 * MINUTE)

    assert Letter.objects.latest("pk").not_before == NOON + 2 * MINUTE


@pytest.mark.usefixtures("_small")
def test_a_full_queue_takes_nobody_in_and_answers_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    newsletter = make_newsletter()
    monkeypatch.setattr(attack, "LONGEST_QUEUE", 2 * attack.BETWEEN_LETTERS)

    flood(newsletter, 25)

    assert Letter.objects.count() == 22


@pytest.mark.usefixtures("_small")
def test_a_letter_of_an_attack_leaves_when_its_turn_has_come_and_still_confirms() -> None:
    newsletter = make_newsletter()
    flood(newsletter, 21)
    letters.send_due(at=NOON)
    waiting = Letter.objects.get(state="waiting")
    token = confirm_token(waiting)

    assert letters.send_due(at=waiting.not_before - dt.timedelta(seconds=1)) == 0
    assert letters.send_due(at=waiting.not_before) == 1
    done = consent.confirm(token, network_address="", at=waiting.not_before + MINUTE)

    assert done.subscriptions[0].state == "active"


@pytest.mark.usefixtures("_small")
def test_one_click_is_never_slowed_down() -> None:
    newsletter = make_newsletter()
    flood(newsletter, 25, at=now())
    rows = [make_subscription(newsletter=newsletter, subscriber=make_subscriber()) for _ in range(50)]

    for row in rows:
        url = path_of(tokens.leave_url(row.pk))
        answer = Client().post(url, {"List-Unsubscribe": "One-Click"}, REMOTE_ADDR="203.0.113.7")
        assert answer.status_code == 200

    assert not Subscription.objects.active().exists()
