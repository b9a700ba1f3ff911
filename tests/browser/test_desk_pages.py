"""Every page of the desk, at each station of a digest: no barrier, nothing that the policy stops, no English in German."""

import gettext
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import django
import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, reverse
from playwright.sync_api import Page

from digests import archive, correcting, workflow
from digests.delivery.models import Batch
from digests.models import Digest, Mark, SavedFilter
from newsroom.mail import heartbeats, incidents
from newsroom.web import clock
from tests.digests.factories import (
    DAY,
    HOUR,
    make_approved,
    make_built_ahead,
    make_colleague,
    make_planned,
    make_proofed,
    make_ready,
    make_scheduled,
    make_user,
)
from tests.digests.test_insights import make_counted
from tests.digests.test_sending_bar import make_sending
from tests.factories import NOON, make_article, make_pick

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, DESKTOP = 390, 1280

# Pages of a digest by name of their address, with the stations at which each is looked at.
OF_DIGESTS = {
    "change": ["draft", "empty", "proofed", "approved", "scheduled", "sending", "stopped", "sent", "skipped"],
    "versions": ["draft"],
    "choices": ["draft"],
    "test": ["draft"],
    "proof": ["proofed", "approved", "sending"],
    "swap": ["scheduled", "draft"],
    "end": ["stopped", "draft"],
    "numbers": ["sent", "sending"],
    "links": ["sent"],
    "note": ["sent"],
    "correct": ["sent"],
    "corrections": ["sent"],
    "correction": ["sent"],
    "history": ["draft"],
}
# Answers for scripts, and mails in frames: parts of pages that are looked at.
PARTS = {"arrivals", "sending", "preview", "proof_mail", "correction_mail", "changelist", "add", "delete"}
OTHERS = [
    "index",
    "self_check",
    "digests_digest_changelist",
    "digests_digest_add",
    "digests_plan_changelist",
    "delivery_mailing_changelist",
    "articles_article_changelist",
    "subscriptions_subscriber_changelist",
    "mail_incident_changelist",
    "password_change",
]


@pytest.fixture
def desk(site: str) -> dict[str, Digest]:
    """A digest at each station, by name; and an incident."""
    at = clock.now()
    draft = make_built_ahead(
        "Die Fähre legt ab", "Licht am Treidelpfad", due=(at + HOUR / 2).replace(second=0, microsecond=0)
    )
    marked = make_article(title="Die Brücke ist gesperrt", first_seen_at=at)
    user = make_user("petra")
    Mark.objects.create(
        newsletter=draft.newsletter, article=marked, marked_by=user, marked_at=at, note="Für morgen"
    )
    SavedFilter.objects.create(newsletter=draft.newsletter, user=user, name="Nur Stadt", query="q=stadt")
    empty = make_ready(subject="", preheader="", due_at=at - HOUR)
    empty.picks.all().delete()
    for position in range(7):
        make_pick(digest=empty, slot="more", position=position)
    scheduled = make_scheduled(stories=3)
    Digest.objects.filter(pk=scheduled.pk).update(scheduled_at=at + HOUR / 6)
    make_article(first_seen_at=scheduled.window_start + HOUR)
    sending, stopped = make_sending(readers=10), make_sending(readers=10)
    Batch.objects.filter(mailing=_mailing(sending)).update(accepted=3, rejected=1)
    workflow.stop(stopped, by=user, at=at)
    skipped = make_ready()
    workflow.skip(skipped, because="Zu wenig Neues.", by=user, at=at)
    incidents.report("feed:1", title="Ein Feed schweigt", at=at)
    heartbeats.beat("queue:control", at=at)
    return {
        "draft": draft, "empty": empty, "proofed": make_proofed().digest, "approved": make_approved(),
        "scheduled": scheduled, "sending": sending, "stopped": stopped, "sent": make_read(), "skipped": skipped,
    }  # fmt: skip


def make_read() -> Digest:
    """A digest that went out and was followed, with a note in the archive and a correction mail."""
    newsletter = make_planned().newsletter
    for number in range(3):
        make_counted(newsletter, 300 + number, 60, 40, at=NOON - number * HOUR - DAY)
    digest = make_counted(newsletter, 412, 88, 31, 7, 2, machines=120, at=NOON)
    archive.annotate(digest, text="Die Fähre legt um **sieben** ab.", at=NOON + HOUR)
    correcting.write(digest, subject="Um sieben", text="Nicht um *acht*.", by=make_user(), at=NOON + HOUR)
    return digest


def _mailing(digest: Digest) -> int:
    return digest.mailings.get().mailing_id


def addresses(desk: dict[str, Digest]) -> Iterator[str]:
    """Of every page: those of digests at their stations, of mailings and plans, and the lists."""
    for name, stations in OF_DIGESTS.items():
        for station in stations:
            digest = desk[station]
            more = {"proof": [1], "correction": digest.correction_mails.values_list("pk", flat=True)[:1]}
            yield reverse(f"admin:digests_digest_{name}", args=[digest.pk, *more.get(name, [])])
    for view in ("dark", "bare", "text", "desktop"):
        yield f"{reverse('admin:digests_digest_change', args=[desk['draft'].pk])}?view={view}&q=fähre"
    for station in ("sending", "stopped", "sent"):
        yield reverse("admin:delivery_mailing_arithmetic", args=[_mailing(desk[station])])
    yield reverse("admin:delivery_mailing_held", args=[_mailing(desk["sending"])])
    plan = desk["draft"].newsletter.plans.get()
    yield reverse("admin:digests_plan_rehearsal", args=[plan.pk])
    yield reverse("admin:digests_plan_change", args=[plan.pk])
    marked = Mark.objects.get().article_id
    yield reverse("admin:digests_mark_article", args=[marked])
    for name in OTHERS:
        yield reverse(f"admin:{name}")


@pytest.fixture
def anna(transactional_db: None) -> User:
    make_colleague("aylin")  # somebody whom a test can be sent to
    return User.objects.create_superuser("anna", "anna@example.org", "ebbe-und-flut")


def go(page: Page, site: str, address: str) -> None:
    answer = page.goto(f"{site}{address}")
    assert answer is not None
    assert answer.status == 200, address


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESKTOP, "light")])
def test_no_page_has_a_barrier_or_breaks_the_policy(
    width: int,
    scheme: str,
    site: str,
    anna: User,
    desk: dict[str, Digest],
    sit_down: Callable[..., Page],
    axe: Callable[..., None],
) -> None:
    page = sit_down(anna, width=width, color_scheme=scheme)

    for address in addresses(desk):
        go(page, site, address)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        axe(page)


def test_no_page_in_german_says_anything_in_english(
    site: str, anna: User, desk: dict[str, Digest], sit_down: Callable[..., Page]
) -> None:
    page, english = sit_down(anna), English.read()
    found = []
    for address in addresses(desk):
        go(page, site, address)
        assert page.locator("html").get_attribute("lang") == "de"
        found += [f"{address}: {text}" for text in page.evaluate(TEXTS) if english.has(text)]

    assert not found, "\n".join(found)


def test_no_page_of_a_digest_is_left_out(anna: User, desk: dict[str, Digest]) -> None:
    client = Client()
    client.force_login(anna, backend="django.contrib.auth.backends.ModelBackend")
    names = {
        pattern.name.removeprefix("digests_digest_")
        for pattern in admin.site.get_urls()
        for pattern in getattr(pattern, "url_patterns", [pattern])
        if pattern.name and pattern.name.startswith("digests_digest_")
    }
    assert len(names) > 30

    left = {name for name in names - OF_DIGESTS.keys() - PARTS if _answers_get(client, name, desk)}

    assert left == set()


def _answers_get(client: Client, name: str, desk: dict[str, Digest]) -> bool:
    """Whether there is something to look at; what only acts refuses to be asked."""
    for more in ([], [1], ["propose"]):
        try:
            address = reverse(f"admin:digests_digest_{name}", args=[desk["draft"].pk, *more])
        except NoReverseMatch:
            continue
        return client.get(address).status_code != 405
    raise AssertionError(f"Which address has {name}?")


# What people read or hear: texts, and the attributes that hold some.
TEXTS = """() => {
    const texts = [document.title];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (!node.parentElement.closest("script:not(#composer-texts), style, template, pre, code")) texts.push(node.data);
    }
    for (const element of document.querySelectorAll("body *")) {
        for (const name of ["aria-label", "title", "placeholder", "alt"]) texts.push(element.getAttribute(name) ?? "");
        if (element.matches("input[type=submit], input[type=button]")) texts.push(element.value);
    }
    const spoken = document.getElementById("composer-texts");
    if (spoken) texts.push(...Object.values(JSON.parse(spoken.textContent)));
    return texts.map(text => text.replace(/\\s+/g, " ").trim()).filter(text => /[a-z]{2}/i.test(text));
}"""
_HOLE = re.compile(r"%\(\w+\)[sd]|%[sd]|%%|\{\w*\}")


class English:
    """The texts of the source that have a German wording of their own: our catalogue's, Django's and its admin's."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.german = {_plain(german) for _english, german in pairs}
        self.patterns = [
            _pattern(english)
            for english, german in pairs
            if _plain(english) != _plain(german) and re.search(r"[a-z]{3}", _HOLE.sub("", english))
        ]

    @classmethod
    def read(cls) -> "English":
        pairs = []
        for domain in ("django", "djangojs"):
            with (settings.BASE_DIR / f"locale/de/LC_MESSAGES/{domain}.po").open("rb") as file:
                pairs += [pair for message in read_po(file) for pair in _pairs(message.id, message.string)]
        for part in ("conf", "contrib/admin", "contrib/auth"):
            path = Path(django.__file__).parent / part / "locale/de/LC_MESSAGES/django.mo"
            with path.open("rb") as file:
                known = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]  # its only list
            for english, german in known.items():
                text = english[0] if isinstance(english, tuple) else english
                pairs.append((text.rpartition("\x04")[2], german))
        assert len(pairs) > 2_000
        return cls(pairs)

    def has(self, text: str) -> bool:
        return text not in self.german and any(pattern.fullmatch(text) for pattern in self.patterns)


def _pairs(english: object, german: object) -> list[tuple[str, str]]:
    """One for each form of a message."""
    sources = [english] if isinstance(english, str) else list(english)  # type: ignore[call-overload]  # babel's
    wordings = [german] if isinstance(german, str) else list(german)  # type: ignore[call-overload]
    return [(source, wording) for source, wording in zip(sources, wordings, strict=False) if source]


def _plain(text: str) -> str:
    return " ".join(text.split())


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".+?".join(re.escape(part) for part in _HOLE.split(_plain(text))))


def test_english_is_found_where_it_stands(sit_down: Callable[..., Page], anna: User) -> None:
    page, english = sit_down(anna), English.read()
    page.evaluate(
        """() => {
            document.querySelector("h2").textContent = "Exchange a story";
            document.querySelector("a").setAttribute("aria-label", "12 accepted");
        }"""
    )

    assert [text for text in page.evaluate(TEXTS) if english.has(text)] == ["Exchange a story", "12 accepted"]
