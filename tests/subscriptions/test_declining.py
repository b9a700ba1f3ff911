"""Who is asked to confirm what she never asked for says no, once, and is not asked again; what she reads goes on."""

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind, LetterState
from newsroom.web import tokens
from newsroom.web.clock import now
from subscriptions import audiences, consent, privacy, suppression, transfer
from subscriptions.errors import LinkUnknown
from subscriptions.models import (
    Confirmation,
    ConsentEvent,
    Newsletter,
    SignUpRequest,
    Subscriber,
    Subscription,
    Suppression,
)
from subscriptions.states import SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token, fresh_client, path_of, settings_path, signup_fields

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

MIA = "mia@example.org"
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


def asked_for(newsletter: Newsletter, *, at: dt.datetime | None = None) -> Letter | None:
    """Somebody enters Mia's address; the letter that comes of it, if one does."""
    before = Letter.objects.count()
    wish = consent.Wish(
        typed_address=MIA, newsletters=[newsletter], language="en", form="/", network_address="203.0.113.7"
    )
    consent.take_down(wish, at=at or now())
    consent.decide_sign_ups()
    return Letter.objects.latest("pk") if Letter.objects.count() > before else None


def no_in(letter: Letter | None) -> str:
    """Where the letter's second link leads."""
    assert letter is not None
    found = re.search(r"https://news\.example\.org(/not-me/\S+)", letter.text)
    assert found is not None, letter.text
    return found[1]


def states() -> dict[str, str]:
    rows = Subscription.objects.filter(subscriber__address=MIA)
    return {row.newsletter.name: row.state for row in rows.select_related("newsletter")}


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_leaves_no_request_and_blocks_further_letters(content_type: str) -> None:
    letter = asked_for(make_newsletter(name="Wirtschaft"))
    assert letter is not None
    bare = Client(enforce_csrf_checks=True, HTTP_USER_AGENT="")  # no cookie, no referer, no language
    body: Any = "List-Unsubscribe=One-Click"
    if content_type.startswith("multipart"):
        body = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
        content_type += "; boundary=b"

    answer = bare.generic("POST", path_of(letter.envelope["leave_url"]), body, content_type=content_type)

    assert answer.status_code == 200
    assert answer.content.decode() == "That is cancelled, and we will not ask again."
    assert answer["Content-Type"].startswith("text/plain")
    assert not answer.cookies
    assert states() == {"Wirtschaft": "lapsed"}
    letter.refresh_from_db()
    assert (letter.state, letter.address) == (LetterState.CANCELLED, "")  # it had not left
    assert asked_for(make_newsletter(), at=now() + HOUR) is None
    assert not Subscription.objects.pending().exists()


def test_the_page_asks_and_its_button_does_it() -> None:
    url = no_in(asked_for(make_newsletter(name="Wirtschaft")))
    client = Client(headers={"accept-language": "de"})  # her mail was in English, and so are her pages

    asked, said = client.get(url), client.post(url)

    assert states() == {"Wirtschaft": "lapsed"}
    assert asked.content.decode().count("<button") == 1
    assert "Cancel it and do not ask again" in asked.content.decode()
    assert "We will not ask again" in said.content.decode()
    for answer in (asked, said):
        assert answer.status_code == 200
        assert not answer.cookies
        assert MIA not in answer.content.decode()
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Robots-Tag"] == "noindex"
        assert answer["Referrer-Policy"] == "no-referrer"


def test_what_she_reads_goes_on() -> None:
    reader = make_subscriber(address=MIA, language="en")
    row = make_subscription(newsletter=make_newsletter(name="Politik"), subscriber=reader)
    url = no_in(asked_for(make_newsletter(name="Wirtschaft")))

    fresh_client().post(url)

    assert states() == {"Politik": "active", "Wirtschaft": "lapsed"}
    look = audiences.deliverable([row.pk], newsletter=row.newsletter, at=now())[row.pk]
    assert look.address == MIA
    assert not suppression.is_suppressed(reader.address_hash, newsletter=row.newsletter)
    assert "does not want" not in fresh_client().get(settings_path(row)).content.decode()


def test_a_visitor_gets_the_same_answer() -> None:
    newsletter = make_newsletter()
    fresh_client().post(no_in(asked_for(newsletter)))

    answers = []
    for address in (MIA, "tom@example.org"):
        client = fresh_client()
        sent = client.post("/subscribe/", signup_fields(address, newsletter))
        page = client.get(sent["Location"]).content.decode().replace(address, "ADDRESS")
        answers.append((sent.status_code, sent["Location"], re.sub(r"\d\d:\d\d|[\w-]{40,}", "", page)))
    consent.decide_sign_ups()

    assert answers[0] == answers[1]
    assert set(Letter.objects.exclude(text="").values_list("address", flat=True)) == {"tom@example.org"}


def test_a_second_sign_up_that_waits_comes_to_nothing() -> None:
    newsletter = make_newsletter()
    url = no_in(asked_for(newsletter))
    wish = consent.Wish(
        typed_address=MIA, newsletters=[newsletter], language="en", form="/", network_address=""
    )
    consent.take_down(wish, at=now() + HOUR)

    fresh_client().post(url)

    assert not SignUpRequest.objects.exists()


def test_the_secret_that_confirms_does_so_no_more() -> None:
    letter = asked_for(make_newsletter(name="Wirtschaft"))
    assert letter is not None
    secret, url = confirm_token(letter), no_in(letter)
    fresh_client().post(url)

    page = fresh_client().post(f"/confirm/{secret}/")

    assert states() == {"Wirtschaft": "lapsed"}
    assert "This sign-up is cancelled" in page.content.decode()


def test_a_no_after_her_own_yes_stops_only_questions() -> None:
    letter = asked_for(make_newsletter(name="Wirtschaft"))
    assert letter is not None
    url = no_in(letter)
    consent.confirm(confirm_token(letter), network_address="", at=now())

    fresh_client().post(url, {"List-Unsubscribe": "One-Click"})

    assert states() == {"Wirtschaft": "active"}
    assert asked_for(make_newsletter(), at=now() + HOUR) is None


def test_who_had_left_has_left_again() -> None:
    reader = make_subscriber(address=MIA, language="en")
    row = make_subscription(newsletter=make_newsletter(name="Politik"), subscriber=reader)
    consent.unsubscribe(row, how="/u/", network_address="", at=now() - HOUR)
    url = no_in(asked_for(row.newsletter))
    assert states() == {"Politik": "pending"}

    fresh_client().post(url)

    assert states() == {"Politik": "unsubscribed"}
    row.refresh_from_db()
    assert consent.restore(row, how="/u/", network_address="", at=now())  # her own way back is still open


def test_repeating_is_harmless() -> None:
    url = no_in(asked_for(make_newsletter()))
    answers = [fresh_client().post(url) for _time in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert Suppression.objects.count() == 1
    assert ConsentEvent.objects.filter(facts__what="asking").count() == 1


@pytest.mark.parametrize("token", ["x", "AAAAAAAAAAAAAAAAAAAA", "%00"])
def test_a_broken_link_is_told_so_and_a_forgotten_one_kindly(token: str) -> None:
    for method in ("get", "post"):
        broken = getattr(fresh_client(), method)(f"/not-me/{token}")
        gone = getattr(fresh_client(), method)(path_of(tokens.decline_url(2**40)))

        assert broken.status_code == 404
        assert "This link is not complete" in broken.content.decode()
        assert gone.status_code == 200
        assert "This sign-up is gone" in gone.content.decode()


def test_a_link_of_another_kind_declines_nothing() -> None:
    asked_for(make_newsletter())
    token = tokens.make(tokens.TokenKind.LEAVE, first_confirmation())

    assert fresh_client().post(f"/not-me/{token}").status_code == 404
    assert not Suppression.objects.exists()


def first_confirmation() -> int:
    return Confirmation.objects.values_list("pk", flat=True).get()


# --- Taking it back -------------------------------------------------------------------------------------------


def test_it_is_taken_back_within_a_day_and_the_letter_confirms_again() -> None:
    letter = asked_for(make_newsletter(name="Wirtschaft"))
    assert letter is not None
    secret, url = confirm_token(letter), no_in(letter)
    page = fresh_client().post(url).content.decode()
    assert f'action="{url}/undo"' in page

    back = fresh_client().post(f"{url}/undo")

    assert "Taken back" in back.content.decode()
    assert not Suppression.objects.exists()
    assert states() == {"Wirtschaft": "pending"}
    consent.confirm(secret, network_address="", at=now())
    assert states() == {"Wirtschaft": "active"}


def test_a_day_later_it_stays_and_staff_can_lift_it() -> None:
    url = no_in(asked_for(make_newsletter(name="Wirtschaft")))
    fresh_client().post(url)
    Suppression.objects.update(created_at=now() - DAY)

    assert "undo" not in fresh_client().get(url).content.decode()
    assert "This can no longer be undone" in fresh_client().post(f"{url}/undo").content.decode()
    row = Suppression.objects.get(reason=SuppressionReason.NEVER_ASK)
    desk = Client(headers={"accept-language": "en"})
    desk.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))
    reader = Subscriber.objects.get(address=MIA)
    shown = desk.get(reverse("admin:reader_desk", args=[reader.pk])).content.decode()
    lift = reverse("admin:subscriptions_suppression_lift", args=[row.pk])
    asked = desk.get(lift).content.decode()
    desk.post(lift, {"because": "wrote to us on 3 May"})

    assert "Is not asked to confirm anything any more" in shown
    assert "Gets no mail at all" not in shown
    assert "Sign-up declined; does not want to be asked to confirm again" in shown
    assert lift in shown
    assert "Lift this only if its reader asks you to" in asked
    assert asked_for(make_newsletter(), at=now() + HOUR) is not None


def test_her_own_settings_ask_her_all_the_same() -> None:
    reader = make_subscriber(address=MIA, language="en")
    mine = make_subscription(newsletter=make_newsletter(), subscriber=reader)
    other = make_newsletter()
    fresh_client().post(no_in(asked_for(other)))
    before = Letter.objects.count()

    consent.change_settings(
        reader,
        newsletters=[mine.newsletter, other],
        wanted={mine.newsletter_id, other.pk},
        pauses={},
        language="en",
        how="/preferences/",
        network_address="",
        at=now() + HOUR,
    )

    assert Letter.objects.count() == before + 1
    assert not Suppression.objects.exists()


# --- A new address ----------------------------------------------------------------------------------------------


def wished_for(typed: str = MIA) -> tuple[Subscription, Letter]:
    """Somebody who reads us wishes her mail at Mia's address; the letter to it."""
    row = make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber(language="en"))
    consent.ask_for_new_address(row.subscriber, typed_address=typed, network_address="", at=now())
    consent.decide_new_addresses(at=now())
    return row, Letter.objects.get(kind=LetterKind.NEW_ADDRESS)


def secret_in(letter: Letter) -> str:
    found = re.search(r"/address/([\w-]+)/", letter.text)
    assert found is not None
    return found[1]


def test_a_no_to_a_new_address_ends_its_link_and_blocks_further_letters() -> None:
    row, letter = wished_for()
    url, secret = no_in(letter), secret_in(letter)
    asked = fresh_client().get(url).content.decode()

    answer = fresh_client().post(path_of(letter.envelope["leave_url"]), {"List-Unsubscribe": "One-Click"})

    assert "newsletters which so far go to another address" in asked
    assert row.newsletter.name not in asked
    assert answer.content.decode() == "That is cancelled, and we will not ask again."
    with pytest.raises(LinkUnknown):
        consent.confirm_new_address(secret, network_address="", at=now())
    assert fresh_client().post(f"/address/{secret}/").status_code == 404
    row.refresh_from_db()
    assert row.state == "active"
    assert row.subscriber.address != MIA
    assert asked_for(make_newsletter(), at=now() + HOUR) is None
    consent.ask_for_new_address(row.subscriber, typed_address=MIA, network_address="", at=now() + HOUR)
    consent.decide_new_addresses(at=now() + HOUR)
    assert Letter.objects.filter(kind=LetterKind.NEW_ADDRESS).count() == 1


def test_a_no_to_a_new_address_leaves_what_its_owner_reads_and_stands_in_her_record() -> None:
    reader = make_subscriber(address=MIA)
    make_subscription(newsletter=make_newsletter(name="Politik"), subscriber=reader)
    _row, letter = wished_for()

    fresh_client().post(no_in(letter))

    assert states() == {"Politik": "active"}
    said = ConsentEvent.objects.get(subscriber=reader, kind="changed")
    assert said.facts == {"what": "asking", "before": "open", "after": "never", "ended": []}


def test_a_no_to_a_new_address_is_taken_back_and_its_link_works_again() -> None:
    row, letter = wished_for()
    url = no_in(letter)
    fresh_client().post(url)

    back = fresh_client().post(f"{url}/undo")

    assert "Taken back" in back.content.decode()
    moved = consent.confirm_new_address(secret_in(letter), network_address="", at=now())
    assert (moved.reader, moved.reader.address) == (row.subscriber, MIA)


def test_a_no_after_the_new_address_was_confirmed_stops_only_questions() -> None:
    row, letter = wished_for()
    secret = secret_in(letter)
    consent.confirm_new_address(secret, network_address="", at=now())

    fresh_client().post(no_in(letter))

    row.refresh_from_db()
    assert (row.state, row.subscriber.address) == ("active", MIA)
    assert suppression.wants_no_questions(row.subscriber.address_hash)
    assert consent.confirm_new_address(secret, network_address="", at=now()).was_already


# --- What it outlives -----------------------------------------------------------------------------------------


def test_it_outlives_erasure_and_the_link_works_after_it() -> None:
    letter = asked_for(make_newsletter())
    url = no_in(letter)
    privacy.erase_reader(Subscriber.objects.get(address=MIA), actor="rui", at=now())

    said = fresh_client().post(url)

    assert said.status_code == 200
    assert {row.reason for row in Suppression.objects.all()} == {"erased", "never_ask"}
    assert asked_for(make_newsletter(), at=now() + HOUR) is None


def test_a_link_to_an_erased_mailbox_whose_letter_is_forgotten_too_is_kind() -> None:
    letter = asked_for(make_newsletter())
    url = no_in(letter)
    privacy.erase_reader(Subscriber.objects.get(address=MIA), actor="rui", at=now())
    Letter.objects.all().delete()

    assert "This sign-up is gone" in fresh_client().post(url).content.decode()
    assert not Suppression.objects.filter(reason=SuppressionReason.NEVER_ASK).exists()


def test_who_has_moved_since_is_not_meant() -> None:
    reader = make_subscriber(address=MIA, language="en")
    make_subscription(newsletter=make_newsletter(name="Politik"), subscriber=reader)
    url = no_in(asked_for(make_newsletter(name="Wirtschaft")))
    reader.address = reader.typed_address = "neu@example.org"
    reader.save()

    fresh_client().post(url)

    (stop,) = Suppression.objects.all()
    assert stop.address_hash == address_hash(MIA)
    rows = Subscription.objects.filter(subscriber=reader)
    assert {row.state for row in rows} == {"active", "pending"}


@pytest.mark.parametrize("is_dry_run", [True, False])
def test_an_old_list_is_no_answer_but_her_own_words_are(is_dry_run: bool) -> None:
    newsletter = make_newsletter(slug="politik")
    reader = make_subscriber(address=MIA)
    make_subscription(newsletter=newsletter, subscriber=reader)
    ours = "".join(transfer.lines("readers", newsletters=None))
    stops_before = "".join(transfer.lines("suppressions", newsletters=None))
    suppression.suppress(reader.address_hash, reason=SuppressionReason.NEVER_ASK, at=NOON)
    stops = "".join(transfer.lines("suppressions", newsletters=None))
    Suppression.objects.all().delete()
    Subscription.objects.all().delete()

    def took(text: str, *, dry: bool = is_dry_run) -> set[str]:
        report = transfer.import_subscribers(
            text, newsletter=newsletter, basis="Moved", actor="rui", at=NOON, is_dry_run=dry
        )
        return {line.result.value for line in report.lines}

    assert stops != stops_before
    assert took(stops, dry=False) == {"kept as suppression"}
    assert Suppression.objects.get().reason == SuppressionReason.NEVER_ASK
    assert took("email\nmia@example.org\n") == {"suppressed"}
    assert took(ours) == {"taken"}


# --- What stops mail, and what stops questions ----------------------------------------------------------------


@pytest.mark.parametrize("other", [SuppressionReason.HARD_BOUNCE, SuppressionReason.UNSUBSCRIBED])
@pytest.mark.parametrize("is_first", [True, False])
def test_each_is_there_and_lifted_without_the_other(other: SuppressionReason, is_first: bool) -> None:
    known = address_hash(MIA)
    reasons = [SuppressionReason.NEVER_ASK, other] if is_first else [other, SuppressionReason.NEVER_ASK]
    stops = {reason: suppression.suppress(known, reason=reason, at=NOON) for reason in reasons}
    for reason in reasons:
        suppression.suppress(known, reason=reason, at=NOON + DAY)

    assert Suppression.objects.count() == 2
    suppression.lift(stops[other], note="mended", actor="rui", at=NOON + DAY)
    assert not suppression.is_suppressed(known)
    assert suppression.wants_no_questions(known)
    assert suppression.unliftable(known) == set()
    assert suppression.unaskable(known) == {None}


def test_the_link_is_short_and_the_letter_small() -> None:
    letter = asked_for(make_newsletter())
    assert letter is not None

    assert len(tokens.decline_url(2**40)) <= 75
    assert letter.envelope["leave_url"] == tokens.decline_url(first_confirmation())
    assert letter.envelope["leave_url"] in letter.html
