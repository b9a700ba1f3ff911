"""Staff see what was tried for held copies and decide, with a reason, about what they really looked at."""

import pytest
from django.conf import settings as site_settings
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.fixtures import Settings

from digests.delivery import control, pump, reconciling, sweeping
from digests.delivery.models import Batch, Mailing, ProviderState
from digests.delivery.states import BatchState, MailingState
from newsroom.mail.models import Incident
from newsroom.web import clock as database_clock
from subscriptions.models import Subscription
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_account_holds, states
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.digests.delivery.test_admin import VIEW, staff

pytestmark = pytest.mark.django_db
DECIDE = (*VIEW, "delivery.decide_held")
READERS = "subscriptions.view_subscriber"


def hold(provider: ScriptedProvider, clock: Clock, *, readers: int) -> Mailing:
    """The first fifty are accepted, the rest held, because nobody answered."""
    provider.script.append(scripted.accept)
    provider.always = scripted.no_answer
    mailing = make_sending(readers=readers, at=clock())
    while Batch.objects.filter(state=BatchState.READY).exists():
        pump.run(seconds=30, at_clock=clock)
        ProviderState.objects.all().delete()  # unanswered calls would rest the provider
    clock.pass_by(seconds=site_settings.DELIVERY_UNKNOWN_SECONDS + 1)
    sweeping.sweep(at=clock())
    sweeping.sweep(at=clock())
    provider.always = scripted.accept
    mailing.refresh_from_db()
    assert mailing.state == MailingState.FINISHED_WITH_HELD
    return mailing


@pytest.fixture
def mailing(provider: ScriptedProvider, clock: Clock) -> Mailing:
    return hold(provider, clock, readers=70)


def page(mailing: Mailing) -> str:
    return reverse("admin:delivery_mailing_held", args=[mailing.pk])


def held_batch() -> Batch:
    return Batch.objects.get(state=BatchState.HELD)


def copies_page(batch: Batch) -> str:
    return reverse("admin:delivery_batch_held", args=[batch.pk])


def text_of(client: Client, url: str, **headers: str) -> str:
    response = client.get(url, headers={"accept-language": "en", **headers})
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def seen(batch: Batch) -> str:
    """What the page that is open at this moment sends along."""
    return f"{batch.held}-{LogEntry.objects.filter(object_id=str(batch.pk)).count()}"


def test_page_tells_who_was_called_when_why_and_what_was_tried(mailing: Mailing, client: Client) -> None:
    staff(client, *VIEW)

    text = text_of(client, page(mailing))

    assert "20 copies held" in text
    assert "<dt>Provider</dt><dd>main</dd>" in text
    assert "no answer, and no proof since" in text
    assert "Call to main with 20 copies" in text
    assert "Our own journal: no proof" in text
    assert text.index("Call to main") < text.index("No answer by") < text.index("Held: a person decides")
    assert "<dt>Next look</dt><dd><time" in text
    assert 'name="act"' not in text


@pytest.mark.parametrize(
    ("look", "sentence"),
    [
        ({"by": "replay", "status": 409}, "The same call again: no proof (409)"),
        (
            {"by": "search", "absent": 3, "counts": True},
            "The provider&#x27;s records: complete; 3 copies not there",
        ),
        (
            {"by": "search", "absent": 1, "counts": False, "what": "HTTP 500"},
            "The provider&#x27;s records: 1 copy not there, which proves nothing yet",
        ),
        ({"by": "search", "accepted": 2}, "The provider&#x27;s records: 2 copies proved accepted"),
    ],
)
def test_each_look_is_a_sentence(
    look: dict[str, object], sentence: str, mailing: Mailing, client: Client, clock: Clock
) -> None:
    staff(client, *VIEW)
    attempt = held_batch().attempts.get()
    attempt.evidence = {"looks": [{"at": clock().isoformat(), **look}]}
    attempt.save()

    text = text_of(client, page(mailing))

    assert sentence in text
    assert ("HTTP 500" in text) is ("what" in look)


def test_page_is_found_from_the_account_and_from_the_incident(mailing: Mailing, client: Client) -> None:
    staff(client, *VIEW, "mail.view_incident")

    account = text_of(client, reverse("admin:delivery_mailing_arithmetic", args=[mailing.pk]))
    listed = text_of(client, reverse("admin:mail_incident_changelist"))
    incident = Incident.objects.get(key=f"delivery.held.{mailing.pk}")
    shown = text_of(client, reverse("admin:mail_incident_change", args=[incident.pk]))

    for text in (account, listed, shown):
        assert f'href="{page(mailing)}"' in text


@pytest.mark.parametrize("named", [["admin:no_such_page", 1], ["https://example.org"], "admin:index", None])
def test_incident_that_names_no_page_of_the_admin_links_nowhere(
    named: object, mailing: Mailing, client: Client
) -> None:
    staff(client, "mail.view_incident")
    Incident.objects.update(facts={"page": named})

    assert "Look and decide" not in text_of(client, reverse("admin:mail_incident_changelist"))


def test_pages_need_the_permission_to_see_mailings(mailing: Mailing, client: Client) -> None:
    staff(client, "delivery.decide_held")

    assert client.get(page(mailing)).status_code == 403
    assert client.get(copies_page(held_batch())).status_code == 403
    assert client.post(copies_page(held_batch()), {"act": "leave"}).status_code == 403


@pytest.mark.parametrize("act", ["accepted", "again", "leave"])
def test_who_may_send_but_not_decide_changes_nothing(act: str, mailing: Mailing, client: Client) -> None:
    staff(client, *VIEW, "digests.send_digest")
    batch = held_batch()

    response = client.post(
        copies_page(batch), {"act": act, "seen": seen(batch), "confirmed": "1", "because": "please"}
    )

    assert response.status_code == 403
    assert states(mailing) == {"accepted": 50, "held": 20}
    assert 'name="act"' not in text_of(client, page(mailing))


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        ("accepted", {"accepted": 70}),
        ("again", {"accepted": 50, "waiting": 20}),
        ("leave", {"accepted": 50, "held": 20}),
    ],
)
def test_act_happens_after_a_question_with_a_reason_and_stands_on_the_page(
    act: str, expected: dict[str, int], mailing: Mailing, client: Client
) -> None:
    user = staff(client, *DECIDE)
    batch = held_batch()
    sent = {"act": act, "seen": seen(batch)}

    asked = client.post(
        copies_page(batch), {**sent, "because": "their log"}, headers={"accept-language": "en"}
    )
    blank = client.post(copies_page(batch), {**sent, "confirmed": "1", "because": " "})
    assert 'value="their log"' in asked.content.decode()
    assert ("up to 20 readers get the mail twice" in asked.content.decode()) is (act == "again")
    assert 'aria-invalid="true"' in blank.content.decode()
    assert states(mailing) == {"accepted": 50, "held": 20}
    assert not LogEntry.objects.exists()

    done = client.post(copies_page(batch), {**sent, "confirmed": "1", "because": "their log"})
    assert (done.status_code, done["Location"]) == (302, page(mailing))
    assert states(mailing) == expected
    assert LogEntry.objects.get().user_id == user.pk
    assert "their log" in text_of(client, page(mailing))
    assert_account_holds(mailing)


@pytest.mark.parametrize("act", ["accepted", "again", "leave"])
def test_the_same_button_twice_decides_once(
    act: str, mailing: Mailing, client: Client, provider: ScriptedProvider, clock: Clock
) -> None:
    staff(client, *DECIDE)
    batch = held_batch()
    sent = {"act": act, "seen": seen(batch), "confirmed": "1", "because": "their log"}

    client.post(copies_page(batch), sent)
    twice = client.post(copies_page(batch), sent, follow=True)

    assert [message.level_tag for message in twice.context["messages"]][-1] == "error"
    assert LogEntry.objects.count() == 1
    clock.at = database_clock.now()  # the pages act by the database's
    pump.run(seconds=30, at_clock=clock)
    assert len(provider.calls) == (3 if act == "again" else 2)
    assert_account_holds(mailing)


@pytest.mark.parametrize("proved", [20, 5])
def test_page_that_is_out_of_date_does_nothing(
    proved: int, mailing: Mailing, client: Client, clock: Clock
) -> None:
    staff(client, *DECIDE)
    batch = held_batch()
    sent = {"act": "again", "seen": seen(batch), "confirmed": "1", "because": "not in their log"}
    reconciling.promote(mailing.pk, range(50, 50 + proved), by="event", at=clock())

    late = client.post(copies_page(batch), sent, follow=True, headers={"accept-language": "en"})

    assert "nothing was done" in late.content.decode()
    assert states(mailing).get("waiting", 0) == 0
    assert not LogEntry.objects.exists()


def test_an_ended_mailing_offers_no_second_sending(
    mailing: Mailing, client: Client, provider: ScriptedProvider, clock: Clock
) -> None:
    provider.script.append(scripted.no_answer)
    ended = make_sending(readers=5, at=clock())
    pump.run(seconds=30, at_clock=clock)
    control.end(ended, at=clock())
    clock.pass_by(seconds=site_settings.DELIVERY_UNKNOWN_SECONDS + 1)
    sweeping.sweep(at=clock())
    staff(client, *DECIDE)

    assert 'value="leave"' in text_of(client, page(ended))
    assert 'value="again"' not in text_of(client, page(ended))
    assert 'value="again"' in text_of(client, page(mailing))


def test_unknown_acts_and_batches_are_not_found(mailing: Mailing, client: Client) -> None:
    staff(client, *DECIDE)

    assert client.post(copies_page(held_batch()), {"act": "explode"}).status_code == 404
    assert client.get(reverse("admin:delivery_batch_held", args=[999_999])).status_code == 404
    assert client.get(reverse("admin:delivery_mailing_held", args=[999_999])).status_code == 404


def test_addresses_of_held_copies_are_for_those_who_may_see_readers(mailing: Mailing, client: Client) -> None:
    last = mailing.deliveries.order_by("-pk")[0]
    address = (
        Subscription.objects.select_related("subscriber").get(pk=last.subscription_id).subscriber.address
    )
    user = staff(client, *VIEW)

    hidden = text_of(client, copies_page(held_batch()))
    user.delete()
    staff(client, *VIEW, READERS)
    shown = text_of(client, copies_page(held_batch()))

    assert "@example.org" not in hidden.replace("anna@example.org", "")
    assert f"{mailing.pk}/69" in hidden
    assert f"s{last.subscription_id}" in hidden
    assert address
    assert address in shown


def test_a_copy_whose_subscription_is_gone_is_listed_all_the_same(mailing: Mailing, client: Client) -> None:
    last = mailing.deliveries.order_by("-pk")[0]
    Subscription.objects.filter(pk=last.subscription_id).delete()
    staff(client, *VIEW, READERS)

    assert f"{mailing.pk}/69" in text_of(client, copies_page(held_batch()))


@pytest.mark.parametrize("readers", [60, 560])
def test_number_of_queries_does_not_grow_with_batches_or_copies(
    readers: int, provider: ScriptedProvider, client: Client, clock: Clock
) -> None:
    provider.capabilities = scripted.ScriptedProvider(batch_size=100).capabilities
    mailing = hold(provider, clock, readers=readers)
    staff(client, *DECIDE, READERS)
    client.get(page(mailing))  # content types are remembered from here on

    # session, user, two of permissions, mailing and two of its bar; batches, calls, decisions, reasons, count, decisions of the mailing
    with CaptureQueriesContext(connection) as queries:
        client.get(page(mailing))
    # session, user, two of permissions, batch; count, copies, readers
    with CaptureQueriesContext(connection) as of_copies:
        client.get(copies_page(Batch.objects.filter(state=BatchState.HELD)[0]))

    assert len(queries) == 13
    assert len(of_copies) == 12  # the bar's four among them; and the one that this test makes itself


def test_german_page_speaks_german(mailing: Mailing, client: Client, settings: Settings) -> None:
    settings.LOCALE_PATHS = [settings.BASE_DIR / "locale"]  # what staff see; other tests quote the source
    staff(client, *DECIDE)

    text = text_of(client, page(mailing), **{"accept-language": "de"})

    for words in ("Zurückgehaltene Exemplare", "Was versucht wurde", "Erneut senden", "kein Beweis"):
        assert words in text


def test_incident_stays_open_until_each_held_batch_is_decided(
    provider: ScriptedProvider, client: Client, clock: Clock
) -> None:
    mailing = hold(provider, clock, readers=260)
    staff(client, *DECIDE)
    first, *others = Batch.objects.filter(state=BatchState.HELD).order_by("pk")
    assert others

    def leave(batch: Batch) -> bool:
        client.post(
            copies_page(batch), {"act": "leave", "seen": seen(batch), "confirmed": "1", "because": "too old"}
        )
        return Incident.objects.get(key=f"delivery.held.{mailing.pk}").resolved_at is not None

    assert not leave(first)
    assert [leave(other) for other in others][-1]
