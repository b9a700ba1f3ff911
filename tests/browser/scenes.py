"""Every page that the public meets, in every state: made by the site itself, one after the other, ready to be shown.

`SCENES` has a row for each name in the URL conf that answers with a page. Each scene is the last step of a way that a
visitor goes, and gives the site's answer; `Town` has whom and what she meets on it.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation
from django.views import defaults

from digests import archive, workflow
from digests.approval_tokens import approval_url
from digests.models import Digest
from newsroom.articles.models import Article, Correction
from newsroom.articles.states import Origin, Review
from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.web import tokens
from newsroom.web.clock import now
from newsroom.web.stamps import stamp
from newsroom.web.tokens import TokenKind
from subscriptions import consent, privacy, suppression
from subscriptions.models import AddressChange, Newsletter, Subscriber, Subscription
from subscriptions.states import NewsletterState, SuppressionReason
from tests.digests.factories import make_colleague, make_handed_over, make_planned, make_proofed
from tests.factories import (
    make_article,
    make_author,
    make_newsletter,
    make_section,
    make_subscriber,
    make_subscription,
)
from tests.subscriptions.factories import (
    make_confirmation,
    make_pending,
    path_of,
    settings_path,
    signup_fields,
)

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk"
# As long as names of newsletters come: two words that no line of a phone holds.
LONG_NAME = "Donaudampfschifffahrtsgesellschaftsnachrichten & Binnenhafenverkehrsmeldungen"
DAY = dt.timedelta(days=1)


class Town:
    """A newsroom with one of everything, and readers who speak a language. Everything that it prints is German."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.at = now()
        plan = make_planned()
        self.newsletter: Newsletter = plan.newsletter
        Newsletter.objects.filter(pk=self.newsletter.pk).update(
            name=LONG_NAME, has_weekly=True, theme="Stadt und Land", next_at=self.at + DAY
        )
        self.newsletter.refresh_from_db()
        self.other = make_newsletter(
            name="Kultur am Wochenende", language="de", theme="Muße", has_weekly=True
        )
        self.article = self._article()
        self.digest = self._digest()
        self.readers = 0

    def _article(self) -> Article:
        author = make_author(bio_de="Schreibt über den Fluss.", contact="thea@example.org")
        article = make_article(
            authors=(author,),
            section=make_section(),
            title=f"Das {LONG_WORD} öffnet seine Tore",
            body_html="<h2>Am Ufer</h2><p>Am Morgen legte sie ab.</p>" * 5,
            headings=["Am Ufer"] * 5,
            origin=Origin.USER_SUBMISSION,
            review=Review.REVIEWED,
            picture_is_illustration=True,
            rights_contact="rechte@news.example.org",
            language="de",
        )
        self.author = author
        article.related.add(make_article(title="Was nebenan geschah", language="de"))
        Correction.objects.create(
            article=article, text="In einer früheren Fassung stand Dienstag.", made_at=self.at
        )
        return article

    def _digest(self) -> Digest:
        """One with a note, a story that was withdrawn, and one that was corrected."""
        digest = make_handed_over(self.newsletter, stories=4)
        lead, withdrawn, corrected, *_ = digest.picks.order_by("pk")
        Article.objects.filter(pk=lead.article_id).update(title=f"Das {LONG_WORD}")
        Article.objects.filter(pk=withdrawn.article_id).update(withdrawn_at=self.at)
        Correction.objects.create(article=corrected.article, text="Es war Dienstag.", made_at=self.at)
        archive.annotate(digest, text="Der Link zur *Fähre* ist berichtigt.", at=self.at)
        return digest

    def reader(self) -> Subscriber:
        """Somebody new."""
        self.readers += 1
        address = f"mia.brandwald-ufermann.{self.language}{self.readers}@lindenufer-nachrichten.example.org"
        return make_subscriber(address=address, language=self.language)

    def reading(self) -> Subscription:
        """Somebody who reads both newsletters."""
        reader = self.reader()
        make_subscription(newsletter=self.other, subscriber=reader)
        return make_subscription(newsletter=self.newsletter, subscriber=reader, confirmed_at=self.at - DAY)

    def visitor(self, **options: Any) -> Client:
        return Client(headers={"accept-language": self.language}, **options)

    def inside(self, row: Subscription) -> Client:
        """Somebody whose settings stand open."""
        client = self.visitor()
        client.post(settings_path(row))
        return client

    def leave(self, row: Subscription) -> str:
        return path_of(tokens.leave_url(row.pk))

    def secret_in(self, kind: LetterKind, row: Subscription) -> str:
        letter = Letter.objects.filter(kind=kind, subscriber_id=row.subscriber_id).latest("pk")
        found = re.search(r"/(?:address|confirm)/([\w-]+)/", letter.text)
        assert found is not None
        return found[1]

    def moving(self, row: Subscription, *, days_ago: int = 0) -> str:
        """The page behind the letter to a new address."""
        at = self.at - days_ago * DAY
        consent.ask_for_new_address(
            row.subscriber, typed_address=f"neu-{row.pk}@example.org", network_address="", at=at
        )
        consent.decide_new_addresses(at=at)
        return f"/address/{self.secret_in(LetterKind.NEW_ADDRESS, row)}/"

    def moved(self, row: Subscription, *, days_ago: int = 0) -> str:
        """The page behind the letter to the address that was left."""
        link = self.moving(row, days_ago=days_ago)
        consent.confirm_new_address(link.split("/")[2], network_address="", at=self.at - days_ago * DAY)
        return f"/address/{self.secret_in(LetterKind.ADDRESS_CHANGED, row)}/undo/"


Way = Callable[[Town], HttpResponse]


def get(path: str) -> Way:
    return lambda town: _answer(town.visitor().get(path, follow=True))


def at(address: Callable[[Town], str]) -> Way:
    """The page at an address of this town, opened by somebody new."""
    return lambda town: _answer(town.visitor().get(address(town), follow=True))


def press(address: Callable[[Town], str], /, **fields: str) -> Way:
    """What a page's button leads to."""
    return lambda town: _answer(town.visitor().post(address(town), fields, follow=True))


def inside(path: str, /, **fields: str) -> Way:
    """A page of the settings, or with fields what its form leads to."""

    def way(town: Town) -> HttpResponse:
        client = town.inside(town.reading())
        return _answer(client.post(path, fields, follow=True) if fields else client.get(path))

    return way


def signs_up(address: str = "mia@example.org", *paths: str, posts_again: bool = False, **more: Any) -> Way:
    """The form, sent; then perhaps other pages in the same browser."""

    def way(town: Town) -> HttpResponse:
        client = town.visitor()
        fields = signup_fields(address, town.newsletter, language=town.language) | more
        answer = client.post("/subscribe/", fields, follow=True)
        consent.decide_sign_ups()
        for path in paths:
            answer = client.get(path, follow=True)
        return _answer(client.post("/subscribe/sent/", follow=True) if posts_again else answer)

    return way


def _answer(answer: Any) -> HttpResponse:
    assert isinstance(answer, HttpResponse)
    return answer


def _confirmation(*, days_ago: int = 0, is_used: bool = False) -> Callable[[Town], str]:
    def address(town: Town) -> str:
        row = make_pending(town.newsletter, town.reader())
        _row, secret = make_confirmation(row, at=town.at - days_ago * DAY)
        if is_used:
            consent.confirm(secret, network_address="", at=town.at)
        return f"/confirm/{secret}/"

    return address


def _stopped_unconfirmed(*, days_ago: int = 0) -> Callable[[Town], str]:
    """The link of a request whose letter came back."""

    def address(town: Town) -> str:
        row = make_pending(town.newsletter, town.reader())
        _row, secret = make_confirmation(row, at=town.at - days_ago * DAY)
        suppression.suppress(row.subscriber.address_hash, reason=SuppressionReason.HARD_BOUNCE, at=town.at)
        return f"/confirm/{secret}/"

    return address


def _ended(town: Town) -> HttpResponse:
    """The link to a newsletter that is published no more."""
    row = make_pending(make_newsletter(state=NewsletterState.RETIRED, name="Winterfahrplan"), town.reader())
    _row, secret = make_confirmation(row, at=town.at)
    return _answer(town.visitor().get(f"/confirm/{secret}/"))


def _asked_at_new_address(town: Town) -> str:
    """Who gets a letter because somebody wishes her mail at this mailbox."""
    wish = AddressChange.objects.create(
        subscriber=town.reader(),
        address_hash="0" * 64,
        counting_hash="0" * 64,
        asked_at=town.at,
        expires_at=town.at,
    )
    return path_of(tokens.decline_url(wish.pk, kind=TokenKind.DECLINE_ADDRESS))


def _asked(*, says_no_days_ago: int | None = None) -> Callable[[Town], str]:
    """Who gets a letter to confirm what she never asked for, and where its second link leads."""

    def address(town: Town) -> str:
        row, _secret = make_confirmation(make_pending(town.newsletter, town.reader()), at=town.at)
        url = path_of(tokens.decline_url(row.pk))
        if says_no_days_ago is not None:
            question = consent.find_question(url.rpartition("/")[2])
            assert question is not None
            consent.decline(question, network_address="", at=town.at - says_no_days_ago * DAY)
        return url

    return address


def _closed(address: Callable[[Town], str]) -> Way:
    """A page while no newsletter takes sign-ups."""

    def way(town: Town) -> HttpResponse:
        Newsletter.objects.update(takes_sign_ups=False)
        answer = _answer(town.visitor().get(address(town)))
        Newsletter.objects.update(takes_sign_ups=True)
        return answer

    return way


def _left(*, days_ago: int = 0) -> Callable[[Town], str]:
    def address(town: Town) -> str:
        row = town.reading()
        consent.unsubscribe(row, how="/u/", network_address="", at=town.at - days_ago * DAY)
        return town.leave(row)

    return address


def _saves(**fields: str) -> Way:
    """The settings, changed: what is not named stays."""

    def way(town: Town) -> HttpResponse:
        slugs = (town.newsletter.slug, town.other.slug)
        kept = {f"on-{slug}": "1" for slug in slugs} | {f"pause-{slug}": "keep" for slug in slugs}
        named = {key.replace("{first}", slugs[0]): value for key, value in fields.items()}
        posted = {key: value for key, value in (kept | {"language": town.language} | named).items() if value}
        return _answer(town.inside(town.reading()).post("/preferences/", posted))

    return way


def _stopped(reason: SuppressionReason, *, asks: bool = False) -> Way:
    def way(town: Town) -> HttpResponse:
        row = town.reading()
        suppression.suppress(address_hash(str(row.subscriber.address)), reason=reason, at=town.at - DAY)
        client = town.inside(row)
        return _answer(client.post("/preferences/again/") if asks else client.get("/preferences/"))

    return way


def _undoes(town: Town) -> HttpResponse:
    row = town.reading()
    client = town.inside(row)
    consent.unsubscribe(row, how="/preferences/", network_address="", at=town.at)
    return _answer(client.post("/preferences/undo/", {"newsletter": town.newsletter.slug}))


def _outdated(town: Town) -> HttpResponse:
    row = town.reading()
    link = settings_path(row)
    town.moved(row)
    return _answer(town.visitor().get(link))


def _gone(town: Town) -> HttpResponse:
    row = town.reading()
    link = settings_path(row)
    privacy.erase_reader(row.subscriber, actor="", at=town.at)
    return _answer(town.visitor().get(link))


def _moves_to_the_same(town: Town) -> HttpResponse:
    row = town.reading()
    return _answer(town.inside(row).post("/preferences/address/", {"address": row.subscriber.address}))


def _moved_back(town: Town) -> HttpResponse:
    return _answer(town.visitor().post(town.moved(town.reading())))


def _embedded(address: str) -> Way:
    return lambda town: _answer(
        town.visitor().post(f"/embed/{town.newsletter.slug}/", {"address": address}, follow=True)
    )


def _asked_to_approve(decision: str = "", *, is_decided: bool = False) -> Way:
    def way(town: Town) -> HttpResponse:
        boss = make_colleague(f"aylin-{town.language}-{User.objects.count()}")
        proof = make_proofed(make_planned().newsletter, at=town.at)
        path = path_of(approval_url(proof, boss))
        if is_decided:
            workflow.approve(proof, by=boss, at=town.at)
        client = town.visitor()
        return _answer(client.post(path, {"decision": decision}) if decision else client.get(path))

    return way


def _approves_too_often(town: Town) -> HttpResponse:
    client = town.visitor(REMOTE_ADDR="203.0.113.99")
    answers = [client.get("/approve/broken/") for _number in range(61)]
    assert answers[-1].status_code == 429
    return _answer(answers[-1])


def _forged(town: Town) -> HttpResponse:
    return _answer(town.visitor(enforce_csrf_checks=True).post("/subscribe/", {"address": "mia@example.org"}))


def _by_itself(view: Callable[[HttpRequest], Any]) -> Way:
    """An answer of Django's own, which no address leads to."""

    def way(town: Town) -> HttpResponse:
        request = RequestFactory().get("/error/", headers={"accept-language": town.language})
        with translation.override(town.language):
            answer = view(request)
        answer.request = {"PATH_INFO": "/error/", "QUERY_STRING": ""}
        return _answer(answer)

    return way


def _forbidden(town: Town) -> HttpResponse:
    """Somebody on staff without a right."""
    user = User.objects.create_user(f"rita-{town.language}", is_staff=True)
    client = town.visitor()
    client.force_login(user)
    answer = client.get(reverse("admin:subscriptions_newsletter_changelist"))
    assert answer.status_code == 403
    return _answer(answer)


WITHOUT_PAGE = {
    "approve_mail": "a mail in a frame",
    "close_preferences": "leads on",
    "favicon": "a picture",
    "healthz": "for machines",
    "media": "a picture",
    "piece": "a picture",
    "metrics": "for machines",
    "newsletter_atom": "a feed",
    "newsletter_json": "a feed",
    "own_data_json": "a file for programs",
    "readyz": "for machines",
    "redirect": "leads on",
    "robots": "for machines",
    "set_language": "leads on",
}

SCENES: Mapping[str, Mapping[str, Way]] = {
    "front": {
        "all": get("/"),
        "section": at(lambda town: f"/?section={town.article.section.slug}" if town.article.section else "/"),
    },
    "article": {"": at(lambda town: town.article.get_absolute_url())},
    "author": {"": at(lambda town: f"/authors/{town.author.slug}/")},
    "submission_rules": {"": get("/submissions/")},
    "newsletters": {"": get("/newsletters/"), "closed": _closed(lambda town: "/newsletters/")},
    "subscribe": {
        "blank": get("/subscribe/"),
        "closed": _closed(lambda town: "/subscribe/"),
        "from a newsletter": at(lambda town: f"/subscribe/?newsletter={town.newsletter.slug}"),
        "nothing given": signs_up("", newsletter=[]),
        "no address": signs_up("mia.example.org"),
        "too quick": signs_up(started=stamp(4e9)),
        "open too long": signs_up(started=""),
        "typo": signs_up("mia.brandwald-ufermann@gmial.com"),
        "change": signs_up("mia.brandwald-ufermann@example.org", "/subscribe/?change=1"),
    },
    "check_inbox": {
        "asked": signs_up("mia.brandwald-ufermann.lindenufer@lindenufer-nachrichten.example.org"),
        "too soon": signs_up("too.soon@example.org", posts_again=True),
        "again": signs_up("again@example.org", "/subscribe/sent/?again=1"),
        "no cookie": get("/subscribe/sent/"),
    },
    "embed": {
        "code": at(lambda town: f"/embed/{town.newsletter.slug}/"),
        "no address": _embedded("mia"),
        "typo": _embedded("mia@gmial.com"),
    },
    "confirm": {
        "open": at(_confirmation()),
        "done": press(_confirmation()),
        "used": at(_confirmation(is_used=True)),
        "expired": at(_confirmation(days_ago=8)),
        "asked again": press(_confirmation(days_ago=8), again="1"),
        "not asked again": press(_stopped_unconfirmed(days_ago=8), again="1"),
        "stopped": at(_stopped_unconfirmed()),
        "ended": _ended,
        "unknown": get("/confirm/nothing-like-a-token/"),
        "forgotten": get("/confirm/AAAAAAAAAAAAAAAAAAAAAA/"),
    },
    "decline": {
        "open": at(_asked()),
        "done": press(_asked()),
        "done long ago": at(_asked(says_no_days_ago=2)),
        "a new address": at(_asked_at_new_address),
        "gone": at(lambda town: f"/not-me/{tokens.make(TokenKind.DECLINE, 2**40)}"),
        "broken": get("/not-me/broken"),
    },
    "undo_declining": {
        "back": lambda town: _answer(town.visitor().post(f"{_asked(says_no_days_ago=0)(town)}/undo")),
        "too late": lambda town: _answer(town.visitor().post(f"{_asked(says_no_days_ago=2)(town)}/undo")),
    },
    "preferences": {
        "closed": get("/preferences/"),
        "sent too late": press(lambda town: "/preferences/"),
        "open": inside("/preferences/"),
        "saved": _saves(**{"pause-{first}": "2", "cadence-{first}": "weekly"}),
        "left": _saves(**{"on-{first}": ""}),
        "nothing changed": _saves(),
        "wrong date": _saves(**{"until-{first}": "2020-01-01"}),
        "bounced": _stopped(SuppressionReason.HARD_BOUNCE),
        "complained": _stopped(SuppressionReason.COMPLAINT),
        "stopped by staff": _stopped(SuppressionReason.MANUAL),
    },
    "request_link": {
        "sent": press(lambda town: "/preferences/link/", address="mia@example.org"),
        "no address": press(lambda town: "/preferences/link/", address="mia"),
    },
    "own_data": {"": inside("/preferences/data/")},
    "own_data_html": {"": inside("/preferences/data/html/")},
    "consent_proof": {"": inside("/preferences/proof/")},
    "erase": {"asked": inside("/preferences/erase/"), "done": inside("/preferences/erase/", sure="1")},
    "undo_leaving": {"": _undoes},
    "deliver_again": {"": _stopped(SuppressionReason.HARD_BOUNCE, asks=True)},
    "new_address": {
        "blank": inside("/preferences/address/"),
        "asked": inside("/preferences/address/", address="neu@gmial.com"),
        "no address": inside("/preferences/address/", address="neu"),
        "the same": _moves_to_the_same,
    },
    "preferences_link": {
        "open": at(lambda town: settings_path(town.reading())),
        "outdated": _outdated,
        "gone": _gone,
        "broken": get("/preferences/broken/"),
    },
    "confirm_address": {
        "open": at(lambda town: town.moving(town.reading())),
        "done": press(lambda town: town.moving(town.reading())),
        "expired": at(lambda town: town.moving(town.reading(), days_ago=2)),
        "unknown": get("/address/nothing-like-a-token/"),
    },
    "undo_address": {
        "open": at(lambda town: town.moved(town.reading())),
        "done": _moved_back,
        "expired": at(lambda town: town.moved(town.reading(), days_ago=8)),
        "unknown": get("/address/nothing-like-a-token/undo/"),
    },
    "leave": {
        "open": at(lambda town: town.leave(town.reading())),
        "done": press(lambda town: town.leave(town.reading()), from_page="1"),
        "everything": press(lambda town: town.leave(town.reading()), everything="1"),
        "left": at(_left()),
        "left long ago": at(_left(days_ago=2)),
        "gone": at(lambda town: f"/u/{tokens.make(TokenKind.LEAVE, 2**40)}"),
        "broken": get("/u/broken"),
    },
    "undo": {
        "back": lambda town: _answer(town.visitor().post(f"{_left()(town)}/undo")),
        "a break": lambda town: _answer(town.visitor().post(f"{_left()(town)}/undo", {"weeks": "2"})),
        "too late": lambda town: _answer(town.visitor().post(f"{_left(days_ago=2)(town)}/undo")),
    },
    "imprint": {"": get("/imprint/")},
    "privacy": {"": get("/privacy/")},
    "newsletter": {
        "": at(lambda town: town.newsletter.get_absolute_url()),
        "empty": at(lambda town: town.other.get_absolute_url()),
        "closed": _closed(lambda town: town.newsletter.get_absolute_url()),
    },
    "digest": {"": at(lambda town: town.digest.get_absolute_url())},
    "approve": {
        "open": _asked_to_approve(),
        "without a reason": _asked_to_approve("return"),
        "approved": _asked_to_approve("approve"),
        "decided": _asked_to_approve(is_decided=True),
        "broken": get("/approve/broken/"),
        "too often": _approves_too_often,
    },
    "api": {"": get("/api/v1/")},
    "errors": {
        "400": _by_itself(lambda request: defaults.bad_request(request, BadRequest())),
        "403": _forbidden,
        "403 forged": _forged,
        "404": get("/no/such/page/"),
        "500": _by_itself(defaults.server_error),
    },
}


def all_scenes() -> Iterator[tuple[str, Way]]:
    """Each with a name to find it by."""
    for page, states in SCENES.items():
        for state, way in states.items():
            yield f"{page} ({state})" if state else page, way
