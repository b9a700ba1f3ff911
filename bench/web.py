"""Pages and presses, through the whole stack of middleware in one process, beside the emptiest views there can be."""

import itertools
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.test import Client
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from digests.models import Digest
from newsroom.articles.models import Article
from newsroom.web import clock, tokens
from newsroom.web.stamps import stamp
from subscriptions import consent
from subscriptions.models import LinkRequest, Newsletter, SignUpRequest, Subscription
from subscriptions.states import NewsletterState

_DIGESTS = 40
_PLAIN_STATIC = "django.contrib.staticfiles.storage.StaticFilesStorage"


@csrf_exempt
def one_insert(request: HttpRequest) -> HttpResponse:
    """What any form of any site does at least: a row, committed."""
    LinkRequest.objects.create(address_hash="0" * 64, asked_at="2026-05-04T12:00:00Z")
    return HttpResponse(status=303, headers={"Location": "/"})


def empty_page(request: HttpRequest) -> HttpResponse:
    """Our page around nothing."""
    return render(request, "base.html")


urlpatterns = [
    path("bench/insert/", one_insert),
    path("bench/empty/", empty_page),
    path("", include("newsroom.urls")),
]


class Press:
    """So many POSTs of forms as browsers and mail programs send them; what is posted differs each time."""

    def __init__(self, count: int) -> None:
        self.count = count

    def prepare(self) -> None:
        settings.ROOT_URLCONF = "bench.web"
        settings.ALLOWED_HOSTS = ["*"]
        settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": _PLAIN_STATIC}}
        # Everybody comes at once, and nobody attacks.
        settings.SIGNUPS_PER_HOUR = {"network": 10**9, "domain": 10**9, "site": 10**9}
        self.client = Client()
        self._numbers = itertools.count(int(time.time() * 1000))
        self.make()
        for _each in range(20):
            self.press(next(self._numbers))

    def make(self) -> None:
        """What the presses need."""

    def run(self) -> int:
        for number in itertools.islice(self._numbers, self.count):
            self.press(number)
        return self.count

    def post(self, url: str, fields: dict[str, str], **extra: Any) -> HttpResponseBase:
        return self.client.post(url, urlencode(fields), "application/x-www-form-urlencoded", **extra)

    def press(self, number: int) -> None:
        """One POST."""
        answer = self.post("/bench/insert/", {"address": f"reader{number}@example.org"})
        assert answer.status_code == 303, answer.status_code


class SignUp(Press):
    """A new reader each time: all checks, and written down for a worker."""

    def make(self) -> None:
        self.newsletter = Newsletter.objects.filter(state=NewsletterState.ACTIVE).order_by("pk")[0]

    def press(self, number: int) -> None:
        fields = {
            "address": f"reader{number}@example.org",
            "newsletter": self.newsletter.slug,
            "started": stamp(time.time() - 60),
        }
        self.client.cookies.clear()  # another browser each time
        network = f"198.{18 + number // 65536 % 2}.{number // 256 % 256}.{number % 256}"
        answer = self.post("/subscribe/", fields, REMOTE_ADDR=network)
        assert answer.status_code == 303, answer.status_code


class SignUpWithoutLetter(SignUp):
    """The same for an address that may not get another letter yet."""

    def press(self, number: int) -> None:
        super().press(0)


class SignUpDecided(SignUp):
    """A new reader each time, and what a worker makes of it: a subscription, its record, and a rendered letter."""

    def make(self) -> None:
        super().make()
        SignUpRequest.objects.all().delete()

    def run(self) -> int:
        super().run()
        consent.decide_sign_ups()
        assert not SignUpRequest.objects.exists()
        return self.count


class OneClick(Press):
    """A mail program's button for another reader each time."""

    def make(self) -> None:
        Subscription.objects.filter(state="unsubscribed").update(state="active")
        self._rows = iter(
            Subscription.objects.active().order_by("pk").values_list("pk", flat=True).iterator()
        )

    def press(self, number: int) -> None:
        token = tokens.make(tokens.TokenKind.LEAVE, next(self._rows))
        answer = self.post(f"/u/{token}", {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200, answer.status_code


class Page(Press):
    """So many looks at one page. which: catalogue, archive, article or empty; is_kept: after its first visitor."""

    def __init__(self, count: int, which: str, *, is_kept: bool = True) -> None:
        super().__init__(count)
        self.which = which
        self.is_kept = is_kept

    def make(self) -> None:
        settings.PAGE_SECONDS = 10 if self.is_kept else 0
        newsletter = Newsletter.objects.filter(state=NewsletterState.ACTIVE).order_by("pk")[0]
        match self.which:
            case "catalogue":
                self.url = "/newsletters/"
            case "archive":
                _make_digests(newsletter)
                self.url = f"/newsletters/{newsletter.slug}/"
            case "article":
                self.url = _make_article().get_absolute_url()
            case _:
                self.url = "/bench/empty/"

    def press(self, number: int) -> None:
        answer = self.client.get(self.url)
        assert answer.status_code == 200, answer.status_code


def _make_digests(newsletter: Newsletter) -> None:
    """A shelf full of digests that came out, one a day."""
    at = clock.now()
    Digest.objects.bulk_create(
        (
            Digest(
                newsletter=newsletter,
                number=number,
                state="handed_over",
                subject=f"Was die Stadt bewegt, Ausgabe {number}",
                preheader="Die Fähre fährt wieder, und der Rat tagt.",
                window_start=at - timedelta(days=number),
                window_end=at - timedelta(days=number - 1),
                created_at=at,
                handed_over_at=at - timedelta(days=number - 1),
            )
            for number in range(1, _DIGESTS + 1)
        ),
        ignore_conflicts=True,
    )


def _make_article() -> Article:
    at = clock.now()
    article, _is_new = Article.objects.get_or_create(
        slug="die-faehre",
        defaults={
            "identity": "bench:1",
            "language": "de",
            "title": "Die Fähre fährt wieder",
            "teaser": "Seit heute früh.",
            "body_html": "<p>Seit heute früh fährt die Fähre wieder über den Fluss.</p>" * 20,
            "words": 200,
            "published_at": at,
            "first_seen_at": at,
        },
    )
    return article
