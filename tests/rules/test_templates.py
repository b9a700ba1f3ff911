"""Templates: each compiles, letters are complete sets, public pages render in both languages under a strict CSP."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.template import engines
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from PIL import Image
from pytest_django.fixtures import Settings

from digests import mjml
from digests.approval_tokens import approval_url
from digests.delivery.renditions import keep
from digests.models import Approval, Digest, Link, Proof, ProofRendition
from digests.states import ApprovalPolicy, DigestState
from newsroom.articles.models import Article, Picture
from newsroom.mail.addresses import counting_hash
from newsroom.mail.states import LetterKind
from newsroom.web.clock import now
from newsroom.web.tokens import TokenKind, hash_secret, make, secret_token
from subscriptions.models import AddressChange, Confirmation, Newsletter, Subscription
from tests.factories import (
    NOON,
    make_article,
    make_author,
    make_digest,
    make_newsletter,
    make_pick,
    make_section,
    make_subscriber,
    make_subscription,
)
from tests.rules import source
from tests.rules.source import hold

TEMPLATES = source.ROOT / "templates"
LETTER_PARTS = {"subject.txt", "body.txt", "body.html"}
LANGUAGES = [code for code, _ in settings.LANGUAGES]

# What the policy of our pages forbids, and what would ask another site for something. Mails may style inline: mail
# programs read nothing else; what a page shows of a mail may not.
FORBIDDEN_IN_PAGES: dict[str, re.Pattern[str]] = {
    "a script in the page": re.compile(
        r"<script(?![^>]*\b(?:src|nonce)=)(?![^>]*application/ld\+json)[^>]*>", re.I
    ),
    "styles in the page": re.compile(r"<style(?![^>]*\bnonce=)[^>]*>", re.I),
    "a style attribute": re.compile(r"<[a-z][^>]*?\sstyle\s*=", re.I),
}
FORBIDDEN_EVERYWHERE: dict[str, re.Pattern[str]] = {
    "an event handler": re.compile(r"<[a-z][^<>]*?\son[a-z]{3,}\s*=", re.I),
    "a javascript: address": re.compile(r"javascript:", re.I),
    "a remote asset": re.compile(
        r"<(?:script|img|iframe|source|video|audio|embed|input)\b[^>]*\s(?:src|srcset)\s*=\s*[\"']?(?:https?:)?//"
        r"|<link\b(?=[^>]*\srel\s*=\s*[\"']?(?:stylesheet|icon|pre\w+|modulepreload|dns-prefetch|manifest))"
        r"[^>]*\shref\s*=\s*[\"']?(?:https?:)?//|url\(\s*[\"']?(?:https?:)?//|@import",
        re.I,
    ),
}
FORBIDDEN_IN_MAILS: dict[str, re.Pattern[str]] = {
    "a script in a mail": re.compile(r"<script\b", re.I),
    "a form in a mail": re.compile(r"<form\b", re.I),
}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A small newsroom in one language, enough for every public page."""

    newsletter: Newsletter
    subscription: Subscription
    article: Article
    author_slug: str
    digest: Digest
    link: Link
    picture: Picture
    confirmation: str
    move: str
    way_back: str


def approval_link(rows: Rows) -> dict[str, object]:
    """What stands in the letter that asks a colleague to approve the digest's proof."""
    proof, colleague = rows.digest.proofs.get(), User.objects.create_superuser("aylin")
    kept = keep(subject="a", preheader="", html="<p>b</p>", text="b", language="de", at=NOON)
    ProofRendition.objects.create(proof=proof, rendition=kept)
    return {"token": approval_url(proof, colleague).rstrip("/").rpartition("/")[2]}


# How a visitor comes to each page; a page that is not here has no test that it renders.
PAGES: Mapping[str, Callable[[Rows], dict[str, object]]] = {
    "front": lambda rows: {},
    "article": lambda rows: {"slug": rows.article.slug},
    "author": lambda rows: {"slug": rows.author_slug},
    "submission_rules": lambda rows: {},
    "media": lambda rows: {"path": rows.picture.file.name},
    "piece": lambda rows: {"crop": "top", "path": rows.picture.file.name},
    "newsletters": lambda rows: {},
    "subscribe": lambda rows: {},
    "check_inbox": lambda rows: {},
    "embed": lambda rows: {"slug": rows.newsletter.slug},
    "confirm": lambda rows: {"token": rows.confirmation},
    "preferences": lambda rows: {},
    "own_data": lambda rows: {},
    "own_data_json": lambda rows: {},
    "own_data_html": lambda rows: {},
    "consent_proof": lambda rows: {},
    "erase": lambda rows: {},
    "new_address": lambda rows: {},
    "undo_leaving": lambda rows: {},
    "deliver_again": lambda rows: {},
    "confirm_address": lambda rows: {"token": rows.move},
    "undo_address": lambda rows: {"token": rows.way_back},
    "preferences_link": lambda rows: {"token": make(TokenKind.MANAGE, rows.subscription.pk)},
    "request_link": lambda rows: {},
    "close_preferences": lambda rows: {},
    "leave": lambda rows: {"token": make(TokenKind.LEAVE, rows.subscription.pk)},
    "undo": lambda rows: {"token": make(TokenKind.LEAVE, rows.subscription.pk)},
    "decline": lambda rows: {"token": make(TokenKind.DECLINE, 1)},
    "undo_declining": lambda rows: {"token": make(TokenKind.DECLINE, 1)},
    "imprint": lambda rows: {},
    "privacy": lambda rows: {},
    "newsletter": lambda rows: {"slug": rows.newsletter.slug},
    "digest": lambda rows: {"slug": rows.newsletter.slug, "number": rows.digest.number},
    "newsletter_atom": lambda rows: {"slug": rows.newsletter.slug},
    "newsletter_json": lambda rows: {"slug": rows.newsletter.slug},
    "redirect": lambda rows: {"token": make(TokenKind.LINK, rows.link.pk)},
    "approve": approval_link,
    "approve_mail": lambda rows: {
        "token": "nothing"
    },  # no page but a mail in a frame; test_approving looks at it
    "healthz": lambda rows: {},
    "robots": lambda rows: {},
    "favicon": lambda rows: {},
    "readyz": lambda rows: {},
    "metrics": lambda rows: {},
    "set_language": lambda rows: {},
}
# Those that answer a GET with something else than a page.
ANSWERS = {
    "approve_mail": 404,
    "close_preferences": 405,
    "deliver_again": 405,
    "undo_leaving": 405,
    "redirect": 302,
    "request_link": 302,
    "favicon": 302,
    "set_language": 302,
    "undo": 302,
    "undo_declining": 302,
}


def templates() -> list[str]:
    """The names of all templates, as the loaders know them."""
    roots = [TEMPLATES, *(path for path in source.ROOT.glob("*/**/templates") if _is_source(path))]
    return sorted(
        str(path.relative_to(root)) for root in roots for path in root.rglob("*.*") if path.is_file()
    )


def _is_source(path: Path) -> bool:
    return path.relative_to(source.ROOT).parts[0] in source.PACKAGES


def incomplete(root: Path, kinds: Collection[str]) -> Iterator[str]:
    """Letters that lack one of their three parts. The digest has its own set, and is checked by name."""
    for kind in sorted({*kinds, *(path.name for path in root.iterdir() if path.is_dir())} - {"digest"}):
        for part in sorted(LETTER_PARTS):
            if not (root / kind / part).is_file():
                yield f"templates/email/{kind}/ has no {part}."


def slots_without_a_twin(root: Path) -> Iterator[str]:
    """A kind of slot that is shown in HTML and not in the text part, or the other way round."""
    by_kind: dict[str, set[str]] = {}
    for path in root.iterdir():
        by_kind.setdefault(path.stem, set()).add(path.suffix)
    for kind, suffixes in sorted(by_kind.items()):
        if suffixes != {".html", ".txt"}:
            yield f"The slot {kind} of the digest has only {', '.join(sorted(suffixes))}."


def forbidden(text: str, *, is_mail: bool) -> Iterator[str]:
    """What must not stand in a page, or in a mail, with its line."""
    plain = re.sub(r"{#.*?#}|{% comment .*?endcomment %}", "", text, flags=re.DOTALL)
    for what, pattern in (
        FORBIDDEN_EVERYWHERE | (FORBIDDEN_IN_MAILS if is_mail else FORBIDDEN_IN_PAGES)
    ).items():
        for match in pattern.finditer(plain):
            yield f"line {plain.count(chr(10), 0, match.start()) + 1}: {what}: {match.group()[:80]!r}"


def public_names(patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "") -> Iterator[str]:
    """The names of all pages that are not the admin's and not a provider's."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if route.startswith(("admin/", "webhooks/", "api/")):
            continue
        if isinstance(pattern, URLResolver):
            yield from public_names(pattern.url_patterns, route)
        else:
            yield pattern.name or f"the nameless page {route}"


def wrong_with(page: str, *, language: str) -> Iterator[str]:
    """What a page in a language lacks or must not have."""
    if f'<html lang="{language}"' not in page:
        yield f"it does not say that it is in {language}"
    if not re.search(r"<title>\s*[^\s<–][^<]*</title>", page):
        yield "it has no title of its own"
    if (number := len(re.findall(r"<h1\b", page))) != 1:
        yield f"it has {number} main headings"
    prose = re.sub(
        r'<textarea id="code".*?</textarea>', "", page, flags=re.DOTALL
    )  # code to copy, shown as it is
    if left := re.search(r"{[{%#]|&amp;(?:lt|gt|amp|quot|#\d+);|[\ue000\ue001]", prose):
        yield f"something was left unfilled or escaped twice: {prose[left.start() - 20 : left.end() + 30]!r}"
    # Our own pictures may be named by their whole address.
    yield from forbidden(page.replace(settings.SITE_URL, ""), is_mail=False)


@pytest.fixture
def rows(request: pytest.FixtureRequest, db: None) -> Rows:
    language = str(request.param)
    at = now()
    newsletter = make_newsletter(language=language)
    reader = make_subscriber(language=language)
    subscription = make_subscription(newsletter=newsletter, subscriber=reader)
    author = make_author()
    content = BytesIO()
    Image.new("RGB", (8, 5), "teal").save(content, "PNG")
    picture = Picture.objects.create(
        file=ContentFile(content.getvalue(), name="ferry.png"), alt="Eine Fähre", sha256="0" * 64
    )
    article = make_article(language=language, section=make_section(), authors=(author,), picture=picture)
    digest = make_digest(newsletter=newsletter, state=DigestState.HANDED_OVER, handed_over_at=NOON)
    pick = make_pick(digest=digest, article=article)
    editor = User.objects.create_user("ines", password=None)
    proof = Proof.objects.create(
        digest=digest,
        number=1,
        content_hash="0" * 64,
        digest_version=1,
        proposed_by=editor,
        proposed_at=NOON,
        web_html=f'<article class="digest-story" id="story-{pick.pk}"><h2>Die Fähre</h2></article>',
    )
    Approval.objects.create(
        proof=proof, policy=ApprovalPolicy.ONE_PAIR, proposer=editor, approver=editor, approved_at=NOON
    )
    secret = secret_token()
    confirmation = Confirmation.objects.create(
        token_hash=hash_secret(secret),
        counting_hash=counting_hash(reader.address or ""),
        subscriber=reader,
        created_at=at,
        expires_at=at + timedelta(days=1),
    )
    confirmation.subscriptions.add(
        make_subscription(newsletter=make_newsletter(), subscriber=reader, state="pending")
    )
    move, way_back = secret_token(), secret_token()
    for secrets in (
        {"token_hash": hash_secret(move)},
        {"undo_hash": hash_secret(way_back), "confirmed_at": at},
    ):
        AddressChange.objects.create(
            subscriber=reader,
            typed_address="neu@example.org",
            former_address="alt@example.org",
            asked_at=at,
            expires_at=at + timedelta(days=1),
            **secrets,
        )
    return Rows(
        newsletter=newsletter,
        subscription=subscription,
        article=article,
        author_slug=author.slug,
        digest=digest,
        link=Link.objects.create(
            digest=digest,
            pick=pick,
            url="https://example.org/a",
            current_url="https://example.org/a",
            created_at=NOON,
        ),
        picture=picture,
        confirmation=secret,
        move=move,
        way_back=way_back,
    )


@pytest.mark.parametrize("name", templates())
def test_template_compiles(name: str) -> None:
    if name.endswith(".mjml"):
        assert mjml.mail_template(name).nodelist
    else:
        engines["django"].get_template(name)


def test_a_broken_mail_template_is_seen() -> None:
    with pytest.raises(mjml.MailTemplateError, match=r"digest\.mjml, line 2: <mj-txt> is not a component"):
        mjml.lint("<mjml>\n<mj-txt>a</mj-txt></mjml>", name="digest.mjml")


def test_every_letter_is_a_complete_set() -> None:
    hold(incomplete(TEMPLATES / "email", {kind.value for kind in LetterKind}))


def test_the_digest_is_a_complete_set() -> None:
    assert (TEMPLATES / "email" / "digest" / "digest.mjml").is_file()
    assert (TEMPLATES / "email" / "digest" / "digest.txt").is_file()
    hold(slots_without_a_twin(TEMPLATES / "email" / "digest" / "slots"))


def test_an_incomplete_set_is_seen(tmp_path: Path) -> None:
    (tmp_path / "welcome").mkdir()
    (tmp_path / "slots").mkdir()
    (tmp_path / "welcome" / "body.txt").write_text("")
    (tmp_path / "slots" / "lead.html").write_text("")

    assert list(incomplete(tmp_path, {"welcome"}))[:4] == [
        "templates/email/slots/ has no body.html.",
        "templates/email/slots/ has no body.txt.",
        "templates/email/slots/ has no subject.txt.",
        "templates/email/welcome/ has no body.html.",
    ]
    assert list(slots_without_a_twin(tmp_path / "slots")) == ["The slot lead of the digest has only .html."]


def test_no_template_breaks_the_policy_of_our_pages() -> None:
    hold(
        f"{name}, {line}"
        for name in templates()
        for line in forbidden(
            (TEMPLATES / name).read_text("utf-8"),
            is_mail=name.startswith(("email/", "subscriptions/letter_")),
        )
    )


def test_whatever_breaks_the_policy_is_seen() -> None:
    page = (
        '<p style="color:red">a</p>\n<script>alert(1)</script>\n<style>p {}</style>\n<a onclick="x()">b</a>\n'
        '<a href="javascript:x()">c</a>\n<img src="https://example.org/pixel.gif">\n'
        '<link rel="stylesheet" href="//example.org/a.css">\n'
    )

    lines = [line.split(":")[0] for line in forbidden(page, is_mail=False)]
    mail = list(
        forbidden('<p style="color:red">a</p><form></form><script src="a.js"></script>', is_mail=True)
    )

    assert sorted(lines) == [f"line {number}" for number in range(1, 8)]
    assert len(mail) == 2


def test_what_the_policy_allows_is_not_seen() -> None:
    page = (
        '<script src="/static/composer.js"></script><script nonce="{{ request.csp_nonce }}">a()</script>'
        '<a href="https://example.org/">b</a><p data-style="x" class="on-air">c</p><link rel="canonical" href="https://x.example/">{# <p style="a"> #}'
        '<img src="{{ picture.url }}" alt=""><option value="online=1">'
    )
    assert list(forbidden(page, is_mail=False)) == []


def test_every_public_page_has_a_way_to_it() -> None:
    """A new page is to be rendered below: add it to PAGES."""
    names = set(public_names())
    assert sorted(names - set(PAGES)) == []
    assert sorted(set(PAGES) - names) == []


@pytest.mark.parametrize("name", sorted(PAGES))
@pytest.mark.parametrize("rows", LANGUAGES, indirect=True)
def test_public_page_renders(name: str, rows: Rows, settings: Settings) -> None:
    settings.LOCALE_PATHS = [source.ROOT / "locale"]  # what readers see; other tests quote the source
    language = rows.newsletter.language
    client = Client(HTTP_HOST="news.example.org", REMOTE_ADDR="127.0.0.1")
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language

    response = client.get(reverse(name, kwargs=PAGES[name](rows)), secure=True)

    assert response.status_code == ANSWERS.get(name, 200)
    if response.status_code == 200 and response["Content-Type"].startswith("text/html"):
        hold(f"{name} in {language}: {line}" for line in wrong_with(response.text, language=language))
        assert "default-src 'self'" in response["Content-Security-Policy"]


def test_a_page_with_faults_is_seen() -> None:
    page = '<html lang="en"><title> – Newsroom</title><h1>a</h1><h1>b</h1><p onclick="x()">{{ name }}</p>'

    found = [line.split(":")[0] for line in wrong_with(page, language="de")]

    assert found == [
        "it does not say that it is in de",
        "it has no title of its own",
        "it has 2 main headings",
        "something was left unfilled or escaped twice",
        "line 1",
    ]
