"""The page behind the link in a confirmation mail."""

import datetime as dt
from collections.abc import Callable

import pytest

from newsroom.mail.models import Letter
from newsroom.web.clock import now
from subscriptions import consent, suppression
from subscriptions.models import Confirmation, Newsletter, Subscription
from subscriptions.states import NewsletterState, SuppressionReason
from tests.factories import make_newsletter, make_subscriber
from tests.subscriptions.factories import confirm_token, fresh_client, make_confirmation, make_pending

pytestmark = pytest.mark.django_db


def waiting(**reader: str) -> tuple[Subscription, str]:
    """A request that waits, and its link."""
    row = make_pending(make_newsletter(name="Wirtschaft"), make_subscriber(**{"language": "en"} | reader))
    _confirmation, secret = make_confirmation(row, at=now())
    return row, f"/confirm/{secret}/"


def test_the_page_names_what_was_asked_and_has_one_button() -> None:
    _row, url = waiting(address="mia@example.org")

    page = fresh_client().get(url).content.decode()

    main = page[page.index("<main") : page.index("</main>")]
    assert "Wirtschaft" in main
    assert "m…@example.org" in main
    assert "mia@example.org" not in page
    assert main.count("<button") == 1
    assert "<script" not in page


def test_a_press_confirms_and_a_second_press_shows_the_same_page() -> None:
    row, url = waiting()

    first = fresh_client(enforce_csrf_checks=True).post(url)
    second = fresh_client(enforce_csrf_checks=True).post(url)
    looked = fresh_client().get(url)

    assert first.status_code == second.status_code == looked.status_code == 200
    assert first.content == second.content == looked.content
    row.refresh_from_db()
    assert row.state == "active"


def test_a_mutilated_link_gets_help() -> None:
    for method in ("get", "post"):
        answer = getattr(fresh_client(), method)("/confirm/AAAAAAAAAAAAAAAAAAAA/")

        assert answer.status_code == 404
        assert "/preferences/" in answer.content.decode()


def test_an_expired_link_offers_a_new_letter_by_one_button() -> None:
    row, url = waiting(address="mia@example.org", language="de")
    Confirmation.objects.update(
        created_at=now() - dt.timedelta(days=7, seconds=1), expires_at=now() - dt.timedelta(seconds=1)
    )
    client = fresh_client()

    page = client.get(url)
    assert page.status_code == 200
    assert 'name="again"' in page.content.decode()
    assert '<html lang="de"' in page.content.decode()  # hers, not the browser's
    assert not Letter.objects.exists()
    assert client.post(url).content == page.content  # a press on the old page's button is no confirmation
    answer = client.post(url, {"again": "1"})

    assert (answer.status_code, answer["Location"]) == (303, "/subscribe/sent/")
    assert "mia@example.org" in client.get("/subscribe/sent/").content.decode()
    client.post(f"/confirm/{confirm_token(Letter.objects.get())}/")
    row.refresh_from_db()
    assert row.state == "active"


def test_a_link_visited_after_leaving_does_not_claim_success() -> None:
    row, url = waiting()
    client = fresh_client()
    client.post(url)
    row.refresh_from_db()
    consent.unsubscribe(row, how="/u/", network_address="", at=now())

    page = client.post(url)

    row.refresh_from_db()
    assert row.state == "unsubscribed"
    assert "This link has been used" in page.content.decode()


def test_the_page_keeps_its_secret() -> None:
    _row, url = waiting()

    for answer in (fresh_client().get(url), fresh_client().post(url), fresh_client().get("/confirm/x/")):
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Robots-Tag"] == "noindex"


def test_a_forgotten_sign_up_is_told_from_a_link_that_was_cut_off() -> None:
    cut, whole = "/confirm/AAAAAAAAAAAAAAAAAAAAA/", "/confirm/AAAAAAAAAAAAAAAAAAAAAA/"

    for method in ("get", "post"):
        broken, gone = (getattr(fresh_client(), method)(path) for path in (cut, whole))

        assert (broken.status_code, gone.status_code) == (404, 404)
        assert "This link is not complete" in broken.content.decode()
        assert "This sign-up is gone" in gone.content.decode()
        assert 'href="/newsletters/"' in gone.content.decode()


def _cancelled(row: Subscription) -> None:
    consent.unsubscribe(row, how="/u/", network_address="", at=now())


def _came_back(row: Subscription) -> None:
    suppression.suppress(row.subscriber.address_hash, reason=SuppressionReason.HARD_BOUNCE, at=now())


@pytest.mark.parametrize("end", [_cancelled, _came_back])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_sign_up_that_ended_unconfirmed_is_not_said_to_have_been_confirmed(
    end: Callable[[Subscription], None], method: str
) -> None:
    row, url = waiting(address="mia@example.org")
    end(row)

    page = getattr(fresh_client(), method)(url).content.decode()

    assert "This sign-up has ended" in page
    assert "The sign-up was confirmed" not in page
    assert 'href="/newsletters/"' in page
    assert "<form" not in page[page.index("<main") : page.index("</main>")]
    row.refresh_from_db()
    assert row.state == "unsubscribed"


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_joins_a_newsletter_that_is_published_no_more(method: str) -> None:
    row, url = waiting()
    Newsletter.objects.update(state=NewsletterState.RETIRED)

    page = getattr(fresh_client(), method)(url).content.decode()

    assert "“Wirtschaft” is published no more." in page
    assert "You are on board" not in page
    row.refresh_from_db()
    assert row.state == "pending"
    assert not Letter.objects.exists()


def test_who_reads_what_is_published_no_more_is_not_said_to_get_it() -> None:
    _row, url = waiting()
    fresh_client().post(url)
    Newsletter.objects.update(state=NewsletterState.RETIRED)

    page = fresh_client().get(url).content.decode()

    assert "“Wirtschaft” is published no more." in page
    assert "You are on board" not in page


def test_of_several_those_that_are_published_still_are_confirmed() -> None:
    row, _url = waiting()
    other = make_pending(make_newsletter(name="Kultur"), row.subscriber)
    confirmation, secret = make_confirmation(row, at=now())
    confirmation.subscriptions.add(other)
    Newsletter.objects.filter(name="Wirtschaft").update(state=NewsletterState.RETIRED)

    asked = fresh_client().get(f"/confirm/{secret}/").content.decode()
    done = fresh_client().post(f"/confirm/{secret}/").content.decode()

    assert ("Kultur" in asked, "Wirtschaft" in asked[asked.index("<main") : asked.index("</main>")]) == (
        True,
        False,
    )
    assert "You are on board" in done
    assert "“Wirtschaft” is published no more." in done
    assert list(Subscription.objects.order_by("pk").values_list("state", flat=True)) == ["pending", "active"]


def _retired(_row: Subscription) -> None:
    Newsletter.objects.update(state=NewsletterState.RETIRED)


def _stopped_by_staff(row: Subscription) -> None:
    suppression.suppress(row.subscriber.address_hash, reason=SuppressionReason.MANUAL, at=now())


def test_a_new_letter_for_what_is_published_no_more_is_refused_in_these_words() -> None:
    row, url = waiting()
    Confirmation.objects.update(expires_at=now() - dt.timedelta(days=1))
    _retired(row)

    page = fresh_client().post(url, {"again": "1"}).content.decode()

    assert "“Wirtschaft” is published no more." in page
    assert not Letter.objects.exists()


@pytest.mark.parametrize("end", [_stopped_by_staff, _came_back])
def test_no_new_letter_is_claimed_that_does_not_go(end: Callable[[Subscription], None]) -> None:
    row, url = waiting(address="mia@example.org")
    Confirmation.objects.update(
        created_at=now() - dt.timedelta(days=8), expires_at=now() - dt.timedelta(days=1)
    )
    end(row)

    answer = fresh_client().post(url, {"again": "1"})

    assert answer.status_code == 200
    assert "We can no longer send an e-mail to confirm to this address" in answer.content.decode()
    assert not Letter.objects.exists()
