"""The desk's board and composer on a large newsroom's records, beside a page of the admin that shows nothing."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from digests.delivery import ledger
from digests.delivery.models import Delivery, Mailing
from digests.delivery.states import MailingState
from digests.models import Digest, Pick, Plan
from digests.states import DigestState
from newsroom.articles.models import Article
from newsroom.web import clock
from subscriptions.models import Newsletter, Sender
from subscriptions.states import NewsletterState

NEWSLETTERS, PICKS = 12, 12
ARTICLES_A_DAY = 72
PAGES = 20
MAILINGS, LEDGER = 10, "Die Fähre fährt wieder (Zustellbuch)"


def make_newsroom(*, articles: int, digests: int) -> None:
    """A dozen newsletters with open drafts, their past digests, and the articles of some years; once."""
    sender = Sender.objects.first() or Sender.objects.create(
        name="Uferblick", address="post@news.example.org"
    )
    missing = NEWSLETTERS - Newsletter.objects.filter(slug__startswith="desk-").count()
    for number in range(missing):
        newsletter = Newsletter.objects.create(
            slug=f"desk-{number}", name=f"Ressort {number}", sender=sender, state=NewsletterState.ACTIVE,
            list_id_label=f"desk-{number}", list_id=f"desk-{number}.news.example.org",
        )  # fmt: skip
        Plan.objects.create(newsletter=newsletter, time="06:00", first_window_from=clock.now())
    if missing:
        _make_articles(articles)
        _make_digests(digests)


def _make_articles(count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO articles_article (identity, slug, language, kicker, title, teaser, body_html, headings,"
            " picture_alt, words, reading_minutes, origin, review, picture_is_illustration, rights_contact,"
            " canonical_url, checksum, published_at, first_seen_at, withdrawn_reason, rights_notice, is_sensitive)"
            " SELECT 'desk:' || n, 'desk-' || n, 'de', '', 'Die Fähre fährt wieder ' || n, 'Sie setzt wieder über.',"
            " repeat('<p>Am Morgen legte sie ab.</p>', 100), '[]', '', 300, 2, 'staff', 'not_needed', false, '', '', '',"
            " now() - (%s - n) * interval '20 minutes', now() - (%s - n) * interval '20 minutes', '', '', false"
            " FROM generate_series(1, %s) AS n",
            [count, count, count],
        )
        cursor.execute("ANALYZE articles_article")


def _make_digests(count: int) -> None:
    """The newest of each newsletter is a draft, the others went out."""
    at, day = clock.now(), timedelta(days=1)
    slots = [
        {"key": "lead", "title": "", "minimum": 1, "maximum": 1},
        {"key": "more", "title": "", "minimum": 3, "maximum": PICKS},
    ]
    for newsletter in Newsletter.objects.filter(slug__startswith="desk-"):
        Digest.objects.bulk_create(
            Digest(
                newsletter=newsletter, number=number + 1, slots=slots, subject="Die Fähre fährt wieder", created_at=at,
                state=DigestState.HANDED_OVER if number else DigestState.DRAFT, due_at=at + day - number * day,
                window_start=at - number * day, window_end=at + day - number * day,
                handed_over_at=at + day - number * day if number else None,
            )
            for number in range(count // NEWSLETTERS)
        )  # fmt: skip
    newest = int(Article.objects.values_list("pk", flat=True).latest("pk"))
    # Each has a dozen of its own day, as digests do: hardly any is sent twice.
    numbers = Digest.objects.filter(newsletter__slug__startswith="desk-").values_list("pk", "number")
    Pick.objects.bulk_create(
        (
            Pick(
                digest_id=digest,
                article_id=newest - ((number or 1) - 1) * ARTICLES_A_DAY - place * (ARTICLES_A_DAY // PICKS),
                slot="more",
                position=place,
            )
            for digest, number in numbers
            for place in range(PICKS)
        ),
        batch_size=5_000,
    )


class Board:
    """The front page, opened some times by somebody who may do everything."""

    def __init__(self, articles: int, digests: int) -> None:
        self._sizes = {"articles": articles, "digests": digests}

    def prepare(self) -> None:
        # Neither a phone nor collected files are what is measured.
        settings.SECOND_FACTOR = False
        settings.STORAGES["staticfiles"] = {
            "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        }
        make_newsroom(**self._sizes)
        user, _is_new = User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
        self._client = Client(headers={"host": settings.ALLOWED_HOSTS[0]})
        self._client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        self._url = self.address()
        self._open()

    def address(self) -> str:
        """The page that is opened."""
        return reverse("admin:index")

    def run(self) -> int:
        for _ in range(PAGES):
            self._open()
        return PAGES

    def _open(self) -> None:
        answer = self._client.get(self._url)
        assert answer.status_code == 200, answer.status_code


class Composer(Board):
    """A draft of a week's articles, some five hundred of them, opened as an editor opens it in the morning."""

    def address(self) -> str:
        draft = Digest.objects.filter(newsletter__slug="desk-0", state=DigestState.DRAFT).get()
        now = clock.now()
        Digest.objects.filter(pk=draft.pk).update(window_start=now - timedelta(days=7), window_end=now)
        candidates = Article.objects.first_seen_between(now - timedelta(days=7), now).count()
        assert candidates >= 500, candidates
        return reverse("admin:digests_digest_change", args=[draft.pk])


class Ledger(Board):
    """The list of all copies, newest first, with those of ten large mailings in it."""

    def __init__(self, articles: int, digests: int, deliveries: int) -> None:
        super().__init__(articles, digests)
        self._deliveries = deliveries

    def address(self) -> str:
        if not Mailing.objects.filter(title=LEDGER).exists():
            _make_deliveries(self._deliveries)
        assert Delivery.objects.count() >= self._deliveries
        return reverse("admin:delivery_delivery_changelist")


def _make_deliveries(count: int) -> None:
    """A ledger without batches: nothing but the list looks at it. Of no size, so that no other measure takes it for its own."""
    at, newsletter = clock.now(), Newsletter.objects.get(slug="desk-0")
    for _ in range(MAILINGS):
        mailing = Mailing.objects.create(
            newsletter=newsletter, title=LEDGER, state=MailingState.FINISHED, audience={}, envelope={}, provider="mailgun",
            late_limit_seconds=7200, created_at=at, active_at=at, finished_at=at,
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO delivery_delivery (id, mailing_id, subscription_id, variant, state, reason)"
                " SELECT %s + n, %s, n + 1, 0, 'accepted', '' FROM generate_series(0, %s) AS n",
                [ledger.first_id(mailing.pk), mailing.pk, count // MAILINGS - 1],
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE delivery_delivery")


class EmptyPage(Board):
    """Django's own form for a new password: header, foot, session and rights, and no record."""

    def address(self) -> str:
        return reverse("admin:password_change")
