"""Tests for colleagues: the mail as it is, nobody's links in it, remembered, and counted nowhere."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from digests import colleagues, links
from digests.delivery.models import Mailing
from digests.errors import NoColleague
from digests.models import Colleague, Digest, DigestMailing, NewsletterAccess
from digests.rendering import render
from newsroom.mail import letters
from newsroom.mail.models import Letter
from newsroom.mail.slots import SLOT_CLOSE, SLOT_OPEN
from newsroom.mail.states import LetterKind
from tests.digests.factories import make_colleague, make_ready
from tests.digests.test_sending_bar import act, browser_of
from tests.factories import NOON, make_newsletter

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


@pytest.fixture
def digest() -> Digest:
    return make_ready(stories=2)


@pytest.fixture
def jonas() -> User:
    return make_colleague("jonas", "Redaktion")


def test_the_test_is_the_mail_with_its_subject_marked(digest: Digest, jonas: User) -> None:
    colleagues.send_test(digest, to=[jonas.pk], at=NOON)

    letter = Letter.objects.get()
    rendered = render(digest)
    title = digest.picks.get(slot="lead").article.title
    assert (letter.kind, letter.address) == (LetterKind.TEST, "jonas@example.org")
    assert letter.subject == f"[Test] {rendered.subject}"
    assert title in letter.html
    assert title in letter.text
    assert letter.text.startswith(rendered.text.partition(SLOT_OPEN)[0])
    assert letter.text.endswith(rendered.text.rpartition(SLOT_CLOSE)[2])
    assert "j…@example.org" in letter.text  # whose copy it is, and no invented reader


def test_personal_links_lead_nowhere_and_no_click_is_counted(digest: Digest, jonas: User) -> None:
    links.place(digest, at=NOON)
    assert "/r/" in render(digest).html

    colleagues.send_test(digest, to=[jonas.pk], at=NOON)

    letter = Letter.objects.get()
    own_page = f"https://news.example.org{digest.newsletter.get_absolute_url()}"
    for part in (letter.html, letter.text):
        assert own_page in part
        for personal in ("/u/", "/r/", "/preferences/", "\ue000"):
            assert personal not in part
    assert "leave_url" not in {name for name, value in letter.envelope.items() if value}


def test_who_got_the_last_one_is_remembered_for_the_newsletter(digest: Digest, jonas: User) -> None:
    mia = make_colleague("mia")
    colleagues.send_test(digest, to=[jonas.pk, mia.pk], at=NOON)
    assert colleagues.remembered(digest.newsletter) == {jonas.pk, mia.pk}

    colleagues.send_test(digest, to=[mia.pk], at=NOON + dt.timedelta(minutes=1))

    assert colleagues.remembered(digest.newsletter) == {mia.pk}
    assert colleagues.remembered(make_newsletter()) == set()
    assert Letter.objects.count() == 3


def test_only_colleagues_of_the_newsletter_can_get_one(digest: Digest, jonas: User) -> None:
    elsewhere, reader = make_colleague("mia"), User.objects.create_user("leser", "leser@example.org")
    NewsletterAccess.objects.create(user=elsewhere, newsletter=make_newsletter())

    for to in ([], [elsewhere.pk], [reader.pk]):
        with pytest.raises(NoColleague):
            colleagues.send_test(digest, to=to, at=NOON)

    assert not Letter.objects.exists()
    assert not Colleague.objects.exists()


def test_a_test_is_no_mailing_and_leaves_the_digest_as_it_is(digest: Digest, jonas: User) -> None:
    before = Digest.objects.values().get()

    colleagues.send_test(digest, to=[jonas.pk], at=NOON)

    assert Digest.objects.values().get() == before
    assert not Mailing.objects.exists()
    assert not DigestMailing.objects.exists()


def test_it_can_be_sent_by_our_provider(digest: Digest, jonas: User) -> None:
    colleagues.send_test(digest, to=[jonas.pk], at=NOON)

    assert letters.send_due(at=NOON) == 1


def test_the_page_ticks_the_last_ones_and_the_button_sends(digest: Digest, jonas: User) -> None:
    browser = browser_of(jonas)
    Colleague.objects.create(newsletter=digest.newsletter, user=jonas)

    page = browser.get(reverse("admin:digests_digest_test", args=[digest.pk])).text
    told = act(browser, digest, "test", to=[jonas.pk])

    assert f'value="{jonas.pk}" checked' in page
    assert told == "A test goes to jonas."
    assert Letter.objects.filter(kind=LetterKind.TEST).count() == 1
