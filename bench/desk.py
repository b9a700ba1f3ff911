"""The desk's board and composer on a large newsroom's records, beside a page of the admin that shows nothing."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Max
from django.test import Client
from django.urls import reverse

from digests.models import Digest, Pick, Plan
from digests.states import DigestState
from newsroom.articles.models import Article
from newsroom.web import clock
from subscriptions.models import Newsletter, Sender
from subscriptions.states import NewsletterState

NEWSLETTERS, PICKS = 12, 12
PAGES = 20


def make_newsroom(*, articles: int, digests: int) -> None:
    """A dozen newsletters with open drafts, their past digests, and the articles of some years; once."""
    sender = Sender.objects.first() or Sender.objects.create(
        name="Uferblick", address="post@news.example.org"
    )
    missing = NEWSLETTERS - Newsletter.objects.filter(slug__startswith="desk-").count()
    for number in range(missing):
        newsletter = Newsletter.objects.create(
            slug=f"desk-{number}", name=f"Ressort {number}", sender=sender, state=NewsletterState.ACTIVE,
            list_id_label=f"desk-{number}",
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
            " canonical_url, checksum, published_at, first_seen_at, withdrawn_reason)"
            " SELECT 'desk:' || n, 'desk-' || n, 'de', '', 'Die Fähre fährt wieder ' || n, 'Sie setzt wieder über.',"
            " repeat('<p>Am Morgen legte sie ab.</p>', 100), '[]', '', 300, 2, 'staff', 'not_needed', false, '', '', '',"
            " now() - n * interval '20 minutes', now() - n * interval '20 minutes', ''"
            " FROM generate_series(1, %s) AS n",
            [count],
        )
        cursor.execute("ANALYZE articles_article")


def _make_digests(count: int) -> None:
    """The newest of each newsletter is a draft, the others went out."""
    at, day = clock.now(), timedelta(days=1)
    slots = [{"key": "lead", "title": "", "minimum": 1, "maximum": 1}]
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
    first = Article.objects.aggregate(last=Max("pk"))["last"] - PICKS
    articles = range(first, first + PICKS)
    drafts = Digest.objects.filter(newsletter__slug__startswith="desk-").values_list("pk", flat=True)
    Pick.objects.bulk_create(
        (
            Pick(digest_id=digest, article_id=article, slot="more")
            for digest in drafts
            for article in articles
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


class EmptyPage(Board):
    """Django's own form for a new password: header, foot, session and rights, and no record."""

    def address(self) -> str:
        return reverse("admin:password_change")
