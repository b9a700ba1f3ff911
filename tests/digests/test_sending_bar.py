"""The bar on every admin page of a digest that goes out: what it says at each stage, where it stands, what it offers."""

import datetime as dt
import re
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from digests import board, correcting, swapping, underway, workflow
from digests.admin import DigestAdmin
from digests.board import Step
from digests.composer import sending_bar
from digests.delivery import claiming, freezing
from digests.delivery.control import start
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import DeliveryState, MailingState
from digests.models import Digest, DigestMailing, NewsletterAccess
from digests.states import DigestState, MailingKind
from digests.underway import Stage
from newsroom.web import clock
from subscriptions.states import NewsletterState
from tests.digests.factories import HOUR, make_approved, make_colleague, make_ready, make_scheduled, make_user
from tests.factories import NOON, make_article, make_newsletter, make_plan, make_subscription

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


def browser_of(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def aylin() -> Client:
    return browser_of(make_colleague("aylin"))


def make_sending(readers: int = 3) -> Digest:
    """A digest whose mailing is frozen and under way, nothing handed over yet."""
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter)
    for _ in range(readers):
        make_subscription(newsletter=newsletter)
    digest = make_approved(newsletter)
    at = clock.now()
    workflow.send_now(digest, by=None, at=at, grace_seconds=0)
    mailing = workflow.hand_over(digest, at=at)
    freezing.freeze(mailing.pk, at=at)
    start(Mailing.objects.get(pk=mailing.pk), at=at)
    return digest


def make_correcting(readers: int = 4) -> Digest:
    """A digest that went out, with a correction mail on its way."""
    digest = make_sending(readers)
    main = Mailing.objects.get()
    main.deliveries.update(state=DeliveryState.ACCEPTED)
    Batch.objects.update(state="done", accepted=readers)
    Mailing.objects.update(state=MailingState.FINISHED, accepted=readers)
    at = clock.now()
    written = correcting.write(digest, subject="Um sieben", text="Nicht um acht.", by=make_user(), at=at)
    correcting.approve(correcting.propose(written, by=make_user(), at=at), by=make_user(), at=at)
    mailing = correcting.hand_over(written, at=at)
    freezing.freeze(mailing.pk, at=at)
    start(Mailing.objects.get(pk=mailing.pk), at=at)
    return digest


def correction_of(digest: Digest) -> Mailing:
    return DigestMailing.objects.get(digest=digest, kind=MailingKind.CORRECTION).mailing


def bar_of(client: Client, digest: Digest) -> str:
    return client.get(reverse("admin:digests_digest_sending", args=[digest.pk])).text


def bar(client: Client, digest: Digest) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", bar_of(client, digest)).split())


def act(client: Client, digest: Digest, name: str, **data: Any) -> str:
    """Press the button, with the version and the mailing that its page shows now."""
    now = Digest.objects.get(pk=digest.pk)
    data = {"version": now.version, "state": now.state} | data
    shown = underway.look(now, at=clock.now())
    if shown and shown.mailing:
        data = {"mailing": shown.mailing.pk} | data
    answer = client.post(reverse("admin:digests_digest_act", args=[digest.pk, name]), data, follow=True)
    found = re.findall(r'<li class="(?:success|error)[^"]*">(.*?)</li>', answer.text, re.S)
    return " ".join(found) if answer.status_code == 200 else str(answer.status_code)


def test_a_draft_has_none(aylin: Client) -> None:
    answer = aylin.get(reverse("admin:digests_digest_sending", args=[make_ready().pk]))

    assert answer.status_code == 204


def test_it_counts_down_and_names_the_time(aylin: Client) -> None:
    digest = make_scheduled()
    Digest.objects.update(scheduled_at=clock.now() + dt.timedelta(minutes=4, seconds=31))

    assert re.search(r"Goes out in 4:(31|30|29) ", bar(aylin, digest))
    assert "(UTC+" in bar(aylin, digest)


def test_a_far_day_is_told_in_days_and_by_its_date(aylin: Client) -> None:
    digest = make_scheduled()
    Digest.objects.update(scheduled_at=dt.datetime(2099, 5, 4, 4, 0, tzinfo=dt.UTC))

    page = bar(aylin, digest)

    assert re.search(r"Goes out in \d{5} days ", page)
    assert "Mon, May 4, 2099, 06:00 (UTC+2)" in page
    said = underway.look(Digest.objects.get(), at=clock.now())
    assert said is not None
    assert re.fullmatch(r"Goes out in \d{5} days", sending_bar._says(said))


def pages_of(digest: Digest, client: Client) -> dict[str, str]:
    """Every page of the admin below this digest, by its name, as the URL conf has them: no fragments, mails or JSON."""
    values = {"pk": digest.pk, "object_id": digest.pk, "number": 1}
    found = {}
    for route in DigestAdmin(Digest, admin.site).get_urls():
        names = set(route.pattern.converters)
        if route.name and names & {"pk", "object_id"} and names <= values.keys():
            address = reverse(f"admin:{route.name}", kwargs={name: values[name] for name in names})
            answer = client.get(address)
            if answer.status_code == 200 and 'id="site-name"' in answer.content.decode(errors="replace"):
                found[route.name.removeprefix("digests_digest_")] = answer.text
    return found


def test_it_stands_on_every_page_of_the_digest(aylin: Client) -> None:
    """The pages of one that waits, and those that there are only once it went out."""
    waiting, sending = make_scheduled(), make_sending()
    Digest.objects.filter(pk=waiting.pk).update(scheduled_at=clock.now() + HOUR)

    before, after = pages_of(waiting, aylin), pages_of(sending, aylin)

    assert {"change", "history", "proof", "test", "swap", "choices", "versions", "end"} <= before.keys()
    assert {"change", "history", "numbers", "links", "note", "corrections"} <= after.keys()
    for name, text in before.items():
        assert 'class="sending-bar is-counts"' in text, name
    for name, text in after.items():
        assert 'class="sending-bar is-sends"' in text, name
    for digest, pages in ((waiting, before), (sending, after)):
        for name, text in pages.items():
            assert reverse("admin:digests_digest_act", args=[digest.pk, "stop"]) in text, name
            assert "http-equiv" not in text, name


@pytest.mark.parametrize("page", ["arithmetic", "held"])
def test_it_stands_on_the_pages_of_the_mailing(page: str, aylin: Client) -> None:
    digest = make_sending()
    mailing = DigestMailing.objects.get(digest=digest).mailing

    text = aylin.get(reverse(f"admin:delivery_mailing_{page}", args=[mailing.pk])).text

    assert 'class="sending-bar is-sends"' in text


def test_it_is_not_on_other_pages(aylin: Client) -> None:
    make_scheduled()
    other = make_ready()

    for address in (reverse("admin:index"), reverse("admin:digests_digest_change", args=[other.pk])):
        assert "sending-bar" not in aylin.get(address).text


def test_who_works_elsewhere_does_not_see_it_on_a_mailing(aylin: Client) -> None:
    digest = make_sending()
    mailing = DigestMailing.objects.get(digest=digest).mailing
    NewsletterAccess.objects.create(user=User.objects.get(username="aylin"), newsletter=make_newsletter())

    text = aylin.get(reverse("admin:delivery_mailing_arithmetic", args=[mailing.pk])).text

    assert "sending-bar" not in text


@pytest.mark.parametrize("group", ["Lesend", "Community"])
def test_who_neither_edits_nor_sends_sees_no_button_but_who_can_stop_it(group: str) -> None:
    digest = make_scheduled()
    Digest.objects.update(scheduled_at=clock.now() + HOUR)
    lea = browser_of(make_colleague("lea", group))

    text = lea.get(reverse("admin:digests_digest_sending", args=[digest.pk])).text

    assert "Goes out in" in text
    assert "<form" not in text
    assert "Whoever edits, approves or sends its digests can stop it: the groups Redaktion" in text


def test_who_edits_stops_it_and_is_told_who_can_go_on(aylin: Client) -> None:
    """Stopping is the safe act; what is let go again cannot be called back."""
    digest = make_sending()
    jonas = browser_of(make_colleague("jonas", "Redaktion"))

    told = act(jonas, digest, "stop")
    page = bar(jonas, digest)

    assert told.startswith("Stopped.")
    assert Mailing.objects.get().state == MailingState.PAUSED
    assert "Go on sending" not in page
    assert "Whoever may send can go on or end it: the groups Abnahme and Betrieb" in page
    assert act(jonas, digest, "continue") == "403"
    assert act(jonas, digest, "end", because="Darum.") == "403"
    assert "Go on sending" in aylin.get(reverse("admin:digests_digest_sending", args=[digest.pk])).text


def test_who_edits_stops_from_the_board_and_only_looks_at_what_is_stopped() -> None:
    digest = make_sending()
    jonas = make_colleague("jonas", "Redaktion")

    def step() -> Step:
        (card,) = [
            card for card in board.look(User.objects.get(pk=jonas.pk), at=clock.now()).cards if card.mailing
        ]
        return card.step

    assert step() == Step.STOP
    workflow.stop(digest, by=None, at=clock.now())
    assert step() == Step.LOOK


def test_it_says_how_far_a_mailing_is_and_the_numbers_add_up(aylin: Client) -> None:
    digest = make_sending(readers=8)
    Batch.objects.update(accepted=3, rejected=1, held=1)

    found = underway.look(digest, at=clock.now())

    assert found is not None
    assert (found.stage, found.frozen, found.waiting, found.percent) == (Stage.SENDS, 8, 3, 62)
    assert bar(aylin, digest).startswith("Being sent: 62 % 3 accepted · 3 waiting · 1 rejected · 1 held")


def test_the_estimate_is_that_of_the_last_minute(aylin: Client) -> None:
    digest = make_sending(readers=8)
    at = clock.now()
    batch = claiming.claim(at=at, owner="a worker")
    assert batch is not None
    attempt = claiming.begin(batch, attempt_id=uuid4(), offered=[0, 1, 2, 3], skipped={}, digest="", at=at)
    assert attempt is not None
    type(attempt).objects.update(ended_at=at + dt.timedelta(seconds=10), size=4)
    Batch.objects.update(accepted=4)

    found = underway.look(digest, at=at + dt.timedelta(seconds=20))

    assert found is not None
    assert found.seconds_to_go == 20


def test_stop_halts_says_how_many_went_and_offers_both_ways_on(aylin: Client) -> None:
    digest = make_sending(readers=5)
    Batch.objects.update(accepted=2)

    told = act(aylin, digest, "stop")

    assert told == "Stopped. Copies already being handed over still go; then nothing more does."
    assert Mailing.objects.get().state == MailingState.PAUSED
    assert claiming.claim(at=clock.now(), owner="a worker") is None
    assert bar(aylin, digest).startswith("Stopped: 2 of 5 went out 2 accepted · 3 waiting")
    text = aylin.get(reverse("admin:digests_digest_sending", args=[digest.pk])).text
    assert reverse("admin:digests_digest_act", args=[digest.pk, "continue"]) in text
    assert reverse("admin:digests_digest_end", args=[digest.pk]) in text


def test_it_goes_on_where_it_stopped(aylin: Client) -> None:
    digest = make_sending()
    act(aylin, digest, "stop")

    told = act(aylin, digest, "continue")

    assert "Nobody gets a second copy." in told
    assert Mailing.objects.get().state == MailingState.SENDING
    noted = LogEntry.objects.filter(content_type__model="digest", user__username="aylin")
    assert [entry.change_message for entry in noted.order_by("pk")] == [
        "Stopped. Copies already being handed over still go; then nothing more does.",
        "It goes on where it stopped. Nobody gets a second copy.",
    ]


def test_to_end_asks_first_needs_a_reason_and_cancels_what_waits(aylin: Client) -> None:
    digest = make_sending(readers=4)
    act(aylin, digest, "stop")

    question = aylin.get(reverse("admin:digests_digest_end", args=[digest.pk]))
    assert "4 still wait" in question.text
    assert act(aylin, digest, "end") == "Say why the sending ends: it is kept with your name."
    assert Mailing.objects.get().state == MailingState.PAUSED

    act(aylin, digest, "end", because="Der Aufmacher ist falsch.")

    mailing = Mailing.objects.get()
    assert mailing.state == MailingState.ENDED
    assert set(mailing.deliveries.values_list("state", flat=True)) == {DeliveryState.CANCELLED}
    assert LogEntry.objects.filter(change_message="Ended early: Der Aufmacher ist falsch.").count() == 2


@pytest.mark.parametrize("name", ["continue", "end"])
def test_what_was_never_handed_over_can_neither_go_on_nor_end(name: str, aylin: Client) -> None:
    digest = make_approved()

    told = act(aylin, digest, name, because="Darum.")

    assert told.startswith("There is nothing to ")
    assert not Mailing.objects.exists()


def test_a_stop_before_the_time_says_that_nothing_went(aylin: Client) -> None:
    digest = make_scheduled()

    assert act(aylin, digest, "stop") == "Stopped. Nothing went out."
    digest.refresh_from_db()
    assert digest.state == DigestState.APPROVED


def test_after_an_exchange_it_waits_for_approval(aylin: Client) -> None:
    when = clock.now() + HOUR
    digest = make_scheduled(when)
    swapping.swap(digest.picks.get(), make_article(), expected_version=1, by=make_user(), at=NOON)

    told = bar(aylin, digest)

    assert told.startswith("Waits for approval – wanted for ")
    assert f"{when.astimezone(ZoneInfo('Europe/Berlin')):%H:%M} (UTC+" in told


def test_what_was_returned_with_its_time_can_be_stopped_before_it_is_proofed_anew(aylin: Client) -> None:
    digest = make_scheduled(clock.now() + HOUR)
    swapping.swap(digest.picks.get(), make_article(), expected_version=1, by=make_user(), at=NOON)
    proof = digest.proofs.get(number=2)
    workflow.return_proof(proof, by=make_user(), because="Falsches Bild.", at=NOON)

    assert bar(aylin, digest).startswith("Waits for a new proof – wanted for ")
    assert act(aylin, digest, "stop") == "Stopped. Nothing went out."

    digest.refresh_from_db()
    assert (digest.state, digest.wanted_at) == (DigestState.DRAFT, None)
    assert bar(aylin, digest) == ""


def test_what_rests_with_its_newsletter_is_not_counted_down_to(aylin: Client) -> None:
    digest = make_scheduled(clock.now() + HOUR)
    digest.newsletter.state = NewsletterState.PAUSED
    digest.newsletter.save()

    told = bar(aylin, digest)

    assert told.startswith("Does not go out The newsletter is not active")
    assert 'data-part="left"' not in bar_of(aylin, digest)
    assert act(aylin, digest, "stop") == "Stopped. Nothing went out."


def test_a_correction_mail_has_it_too_on_every_page_of_its_digest(aylin: Client) -> None:
    digest = make_correcting()
    mailings = [bound.mailing_id for bound in DigestMailing.objects.filter(digest=digest)]
    written = digest.correction_mails.get().pk

    pages = pages_of(digest, aylin)
    pages["correction"] = aylin.get(
        reverse("admin:digests_digest_correction", args=[digest.pk, written])
    ).text
    for mailing in mailings:
        pages[f"mailing {mailing}"] = aylin.get(
            reverse("admin:delivery_mailing_arithmetic", args=[mailing])
        ).text

    assert {"change", "numbers", "links", "corrections"} <= pages.keys()
    for name, text in pages.items():
        assert 'class="sending-bar is-sends"' in text, name
        assert reverse("admin:digests_digest_act", args=[digest.pk, "stop"]) in text, name
    assert bar(aylin, digest).startswith("Correction mail – Being sent: 0 % 0 accepted · 4 waiting")


def test_a_correction_mail_is_stopped_goes_on_and_is_ended_like_its_digest(aylin: Client) -> None:
    digest = make_correcting()

    assert act(aylin, digest, "stop").startswith("Stopped. Copies already being handed over still go")
    assert correction_of(digest).state == MailingState.PAUSED
    assert bar(aylin, digest).startswith("Correction mail – Stopped: 0 of 4 went out")
    assert "Nobody gets a second copy." in act(aylin, digest, "continue")
    assert correction_of(digest).state == MailingState.SENDING
    act(aylin, digest, "stop")
    assert "4 still wait" in aylin.get(reverse("admin:digests_digest_end", args=[digest.pk])).text
    act(aylin, digest, "end", because="Sie ist selbst falsch.")

    assert correction_of(digest).state == MailingState.ENDED
    assert DigestMailing.objects.get(kind=MailingKind.MAIN).mailing.state == MailingState.FINISHED


@pytest.mark.parametrize("name", ["continue", "end"])
def test_what_was_pressed_for_one_mailing_does_not_happen_to_another(name: str, aylin: Client) -> None:
    """Held copies that were let go bring the digest's own mailing back while a page shows its correction mail."""
    digest = make_correcting()
    act(aylin, digest, "stop")
    correction = correction_of(digest)
    page = (
        bar_of(aylin, digest)
        if name == "continue"
        else aylin.get(reverse("admin:digests_digest_end", args=[digest.pk])).text
    )
    shown = re.findall(r'name="mailing" value="(\d+)"', page)
    Mailing.objects.exclude(pk=correction.pk).update(state=MailingState.SENDING)

    told = act(aylin, digest, name, mailing=shown[-1], because="Sie ist falsch.")

    assert shown[-1] == str(correction.pk)
    assert told == "It changed meanwhile; nothing was done."
    assert set(Mailing.objects.values_list("pk", "state")) == {
        (correction.pk, MailingState.PAUSED),
        (DigestMailing.objects.get(kind=MailingKind.MAIN).mailing_id, MailingState.SENDING),
    }


def test_the_page_that_ends_a_correction_mail_names_it(aylin: Client) -> None:
    digest = make_correcting()

    page = aylin.get(reverse("admin:digests_digest_end", args=[digest.pk])).text

    assert "<h1>End the correction mail for good?</h1>" in page
    assert f"<strong>{correction_of(digest).title}</strong>" in page


def test_a_correction_mail_on_its_way_stands_on_the_board_and_its_digest_stays_among_the_last() -> None:
    digest = make_correcting()
    user = User.objects.get(pk=make_colleague("aylin").pk)

    found = board.look(user, at=clock.now())

    (card,) = [card for card in found.cards if card.mailing]
    assert (card.mailing, card.step) == (correction_of(digest), Step.STOP)
    assert card.says == "Correction mail – Being sent: 0 of 4 copies are decided."
    assert [past.digest for past in found.past] == [digest]


def test_stopping_stops_all_that_is_on_its_way(aylin: Client) -> None:
    """Held copies that were let go bring a mailing back that was over."""
    digest = make_correcting()
    Mailing.objects.update(state=MailingState.SENDING)

    act(aylin, digest, "stop")

    assert set(Mailing.objects.values_list("state", flat=True)) == {MailingState.PAUSED}


def test_it_costs_the_same_whatever_the_size(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    digests = [make_sending(readers=2), make_sending(readers=20)]
    at = clock.now()

    for digest in digests:
        # The mailing of the digest, the sums over its batches, the calls of the last minute.
        with django_assert_num_queries(3):
            underway.look(digest, at=at)
    scheduled = make_scheduled_row(digests[0])
    with django_assert_num_queries(0):
        underway.look(scheduled, at=at)


def make_scheduled_row(digest: Digest) -> Digest:
    return Digest(pk=digest.pk, newsletter=digest.newsletter, state=DigestState.SCHEDULED, scheduled_at=NOON)
