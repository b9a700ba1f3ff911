"""Links know no reader, survive further proofs, and can be mended in mails already sent."""

import pytest
from django.test import Client
from django.urls import reverse

from digests import curation, links, workflow
from digests.errors import BadAddress, LinkMoved
from digests.models import Link
from newsroom.web.tokens import TokenKind, make
from tests.digests.factories import make_handed_over, make_proofed, make_ready, make_user
from tests.factories import NOON, make_article, make_pick

pytestmark = pytest.mark.django_db


def test_every_pick_gets_one_link_to_its_article() -> None:
    digest = make_ready()
    elsewhere = make_pick(
        digest=digest, slot="more", article=make_article(canonical_url="https://agency.example/faehre")
    )
    own = digest.picks.get(slot="lead")

    placed = links.place(digest, at=NOON)
    again = links.place(digest, at=NOON)

    assert placed == again
    assert set(placed) == {own.pk, elsewhere.pk}
    targets = dict(Link.objects.values_list("pick_id", "current_url"))
    assert targets == {
        own.pk: f"https://news.example.org{own.article.get_absolute_url()}",
        elsewhere.pk: "https://agency.example/faehre",
    }
    assert all(url.startswith("https://news.example.org/r/") and len(url) < 75 for url in placed.values())


def test_a_further_proof_keeps_the_links_of_the_first() -> None:
    proof = make_proofed()
    before = links.urls(proof.digest)
    curation.edit_digest(proof.digest, expected_version=1, at=NOON, subject="Neu")

    workflow.propose(proof.digest, by=make_user(), at=NOON)

    assert links.urls(proof.digest) == before


def test_a_pick_whose_article_moved_gets_a_new_link() -> None:
    digest = make_ready()
    before = links.place(digest, at=NOON)
    article = digest.picks.get().article
    article.canonical_url = "https://agency.example/neu"
    article.save()

    after = links.place(digest, at=NOON)

    assert after != before
    assert Link.objects.count() == 2


def test_the_redirect_leads_on_and_knows_nobody(client: Client) -> None:
    digest = make_ready()
    (url,) = links.place(digest, at=NOON).values()

    answer = client.get(url)

    assert answer.status_code == 302
    assert answer["Location"] == Link.objects.get().current_url
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies


def test_repointing_mends_the_link_in_mails_already_sent(client: Client) -> None:
    (url,) = links.place(make_ready(), at=NOON).values()
    link = Link.objects.get()
    before = link.url

    left = links.repoint(link, url=" https://news.example.org/articles/richtig/ ")

    link.refresh_from_db()
    assert client.get(url)["Location"] == "https://news.example.org/articles/richtig/"
    assert link.url == left == before


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "java\tscript:alert(1)",
        "//evil.example",
        "data:text/html,x",
        "ftp://example.org/a",
        "https://",
        "https://example.org/a b",
        "https://jonas@example.org/",
        "https://jonas:ebbe@example.org/",
        "https://:@example.org/",
        "https://news.example.org/r/EwAAAAAAAAAA",
        "https://NEWS.example.org/r/EwAAAAAAAAAA",
        "https://example.org/" + "a" * 1_000,
        "",
    ],
)
def test_a_link_is_not_repointed_to_where_no_reader_may_be_sent(url: str) -> None:
    links.place(make_ready(), at=NOON)
    link = Link.objects.get()

    with pytest.raises(BadAddress):
        links.repoint(link, url=url)

    link.refresh_from_db()
    assert link.current_url == link.url


def test_of_two_who_repoint_a_link_the_second_is_told() -> None:
    links.place(make_ready(), at=NOON)
    mine, theirs = Link.objects.get(), Link.objects.get()
    links.repoint(theirs, url="https://example.org/theirs")

    with pytest.raises(LinkMoved):
        links.repoint(mine, url="https://example.org/mine")

    assert Link.objects.get().current_url == "https://example.org/theirs"


def test_only_our_own_links_lead_anywhere(client: Client) -> None:
    links.place(make_ready(), at=NOON)
    link = Link.objects.get()
    forged = make(TokenKind.LINK, link.pk)[:-1] + "A"
    other_kind, unknown = make(TokenKind.LEAVE, link.pk), make(TokenKind.LINK, link.pk + 1)

    for token in (forged, other_kind, unknown, "x", "https:evil.example"):
        assert client.get(reverse("redirect", args=[token])).status_code == 404


@pytest.mark.parametrize("stories", [1, 5])
def test_a_redirect_costs_two_queries(
    stories: int, client: Client, django_assert_num_queries: object
) -> None:
    digest = make_handed_over(stories=stories)
    url = next(iter(links.urls(digest).values()))

    # The link with its digest's state; its count.
    with django_assert_num_queries(2):  # type: ignore[operator]
        client.get(url)


def test_a_redirect_is_only_asked_for(client: Client) -> None:
    (url,) = links.place(make_ready(), at=NOON).values()

    assert client.post(url).status_code == 405
    assert client.head(url).status_code == 302
