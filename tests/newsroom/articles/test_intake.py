"""Each piece becomes an article once, and changes with its source."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newsroom.articles import intake
from newsroom.articles.models import Article, Author, FormerVersion, Picture, Section
from newsroom.articles.states import FeedRights, Origin, Review
from tests.factories import NOON, make_article, make_author
from tests.newsroom.articles.factories import make_draft, make_feed, make_picture_bytes

pytestmark = pytest.mark.django_db
LATER = NOON + dt.timedelta(hours=3)


def test_a_draft_becomes_an_article_with_everything_a_page_shows() -> None:
    draft = make_draft(
        title="Über den Fluss",
        body_html="<h2 id='s-a'>Am Kai</h2><p>" + "Wort " * 221 + "</p>",
        authors=("Ada Beispiel", "Bo Muster"),
        section="stadt",
    )

    article, is_new = intake.take_in(draft, at=NOON)

    assert is_new
    assert article.slug == "ueber-den-fluss"
    assert article.byline == ["Ada Beispiel", "Bo Muster"]
    assert article.headings == ["Am Kai"]
    assert article.words == 223
    assert article.reading_minutes == 2
    assert article.section == Section.objects.get(slug="stadt")
    assert article.first_seen_at == NOON
    assert article.published_at == NOON
    assert article.teaser


def test_the_same_draft_again_changes_nothing() -> None:
    draft = make_draft()
    first, _ = intake.take_in(draft, at=NOON)

    again, is_new = intake.take_in(draft, at=LATER)

    assert not is_new
    assert again == first
    assert again.changed_at is None
    assert Article.objects.count() == 1
    assert not FormerVersion.objects.exists()


def test_a_changed_draft_updates_the_article_keeps_its_window_and_its_former_version() -> None:
    article, _ = intake.take_in(make_draft(identity="a:1", title="Der Karn hebt", authors=("Ada",)), at=NOON)

    changed, is_new = intake.take_in(
        make_draft(identity="a:1", title="Der Kran hebt", authors=("Bo",)), at=LATER
    )

    assert not is_new
    assert changed.pk == article.pk
    assert changed.title == "Der Kran hebt"
    assert changed.byline == ["Bo"]
    assert changed.slug == article.slug, "an address once given stays"
    assert changed.first_seen_at == NOON, "a corrected typo does not enter the next digest"
    assert changed.changed_at == LATER
    assert FormerVersion.objects.get().title == "Der Karn hebt"


def test_what_is_withdrawn_stays_withdrawn_when_its_source_changes() -> None:
    article, _ = intake.take_in(make_draft(identity="a:1"), at=NOON)
    Article.objects.update(withdrawn_at=NOON)

    intake.take_in(make_draft(identity="a:1", title="Ganz anders"), at=LATER)

    article.refresh_from_db()
    assert article.withdrawn_at == NOON


def test_what_the_desk_reviewed_stays_reviewed_when_its_source_changes() -> None:
    draft = make_draft(identity="a:1", origin=Origin.USER_SUBMISSION, review=Review.UNREVIEWED)
    article, _ = intake.take_in(draft, at=NOON)
    assert article.review == Review.UNREVIEWED
    Article.objects.update(review=Review.REVIEWED)

    intake.take_in(make_draft(identity="a:1", origin=Origin.USER_SUBMISSION, title="Neu"), at=LATER)

    article.refresh_from_db()
    assert article.review == Review.REVIEWED


def test_a_move_of_fifty_pieces_to_https_yields_nothing_new() -> None:
    feed = make_feed()
    before = [
        make_draft(identity=f"guid:{n}", title=f"Stück {n} vom Hafen", url=f"http://a.example.org/{n}")
        for n in range(50)
    ]
    after = [
        make_draft(identity=f"neu:{n}", title=f"Stück {n} vom Hafen", url=f"https://www.a.example.org/{n}/")
        for n in range(50)
    ]
    intake.take_in_all(before, feed=feed, at=NOON)

    taken = intake.take_in_all(after, feed=feed, at=NOON + dt.timedelta(days=30))

    assert not any(is_new for _, is_new in taken)
    assert Article.objects.count() == 50
    assert Article.objects.filter(identity__startswith="neu:").count() == 50


def test_a_site_that_moved_to_another_host_is_known_by_its_paths() -> None:
    feed = make_feed()
    intake.take_in(
        make_draft(identity="g:1", title="Ein Kran", url="https://alt.example.org/2026/kran"),
        feed=feed,
        at=NOON,
    )

    _, is_new = intake.take_in(
        make_draft(identity="g:2", title="Ein Kran", url="https://neu.example.org/2026/kran"),
        feed=feed,
        at=NOON + dt.timedelta(days=30),
    )

    assert not is_new


@pytest.mark.parametrize(("days", "is_known"), [(1, True), (3, False)])
def test_a_changed_guid_is_matched_by_title_for_two_days(days: int, is_known: bool) -> None:
    feed = make_feed()
    intake.take_in(make_draft(identity="g:1", title="Ein Kran"), feed=feed, at=NOON)

    _, is_new = intake.take_in(
        make_draft(identity="g:2", title="Ein Kran"), feed=feed, at=NOON + dt.timedelta(days=days)
    )

    assert is_new is not is_known


def test_two_pieces_of_one_title_in_one_feed_stay_two() -> None:
    feed = make_feed()
    both = [
        make_draft(identity="g:1", title="Polizeibericht"),
        make_draft(identity="g:2", title="Polizeibericht"),
    ]
    intake.take_in_all(both[:1], feed=feed, at=NOON)

    taken = intake.take_in_all(both, feed=feed, at=LATER)

    assert [is_new for _, is_new in taken] == [False, True]
    assert len({article.slug for article, _ in taken}) == 2


def test_two_pieces_that_link_to_one_page_stay_two() -> None:
    feed = make_feed()
    url = "https://a.example.org/ticker"
    drafts = [
        make_draft(identity="g:1", title="Der Kran steht wieder still", url=url),
        make_draft(identity="g:2", title="Brot wird zum Sommer teurer", url=url),
    ]

    intake.take_in_all(drafts[:1], feed=feed, at=NOON)
    intake.take_in_all(drafts[1:], feed=feed, at=LATER)

    assert sorted(Article.objects.values_list("title", flat=True)) == sorted(draft.title for draft in drafts)


def test_a_second_source_of_a_piece_does_not_take_turns_with_the_first() -> None:
    url = "https://a.example.org/kran"
    first, _ = intake.take_in(
        make_draft(identity="guid:1", title="Der Kran hebt", url=url), feed=make_feed(), at=NOON
    )

    second, is_new = intake.take_in(
        make_draft(identity="link:1", title="Der Kran hebt", body_html="<p>x</p>", url=url), at=LATER
    )

    assert not is_new
    assert second == first
    assert second.changed_at is None
    assert second.identity == "guid:1"


def test_a_feed_that_claims_the_guid_of_another_ones_piece_neither_changes_nor_takes_it() -> None:
    guid = "guid://hafen.example.org/kran"
    url = "https://hafen.example.org/kran"
    own, _ = intake.take_in(
        make_draft(identity=guid, title="Der Kran hebt", url=url), feed=make_feed(), at=NOON
    )
    stranger = make_feed(url="https://fremd.example.net/feed")
    false = make_draft(identity=guid, title="Alles gelogen", url="https://fremd.example.net/falle")

    [(other, is_new)] = intake.take_in_all([false], feed=stranger, at=LATER)
    [(again, is_new_again)] = intake.take_in_all([false], feed=stranger, at=LATER)
    [(changed, _)] = intake.take_in_all([replace(false, title="Nun anders")], feed=stranger, at=LATER)

    own.refresh_from_db()
    assert (own.title, own.canonical_url, own.changed_at) == ("Der Kran hebt", url, None)
    assert (is_new, is_new_again) == (True, False), "each check finds its own piece again"
    assert other == again == changed != own
    assert (changed.title, changed.feed) == ("Nun anders", stranger)


@pytest.mark.parametrize("claimed", ["guid://hafen.example.org/kran", "guid:1"])
def test_who_was_first_to_tell_a_sites_piece_does_not_keep_the_site_out(claimed: str) -> None:
    url = "https://hafen.example.org/kran"
    stranger = make_feed(url="https://fremd.example.net/feed")
    intake.take_in(make_draft(identity=claimed, title="Der Kran hebt nie", url=url), feed=stranger, at=NOON)
    own = make_draft(identity="guid://hafen.example.org/kran", title="Der Kran hebt", url=url)
    feed = make_feed()

    article, is_new = intake.take_in(own, feed=feed, at=LATER)

    assert is_new
    assert (article.title, article.feed) == ("Der Kran hebt", feed)


def test_two_feeds_of_one_site_share_a_piece_and_its_first_one_keeps_it() -> None:
    first, second = make_feed(), make_feed()
    draft = make_draft(identity="guid://hafen.example.org/kran")
    article, _ = intake.take_in(draft, feed=first, at=NOON)

    again, is_new = intake.take_in(replace(draft, teaser="Nur hier."), feed=second, at=LATER)

    assert not is_new
    assert (again, again.feed, again.changed_at) == (article, first, None)


@pytest.mark.parametrize(
    ("feed_url", "is_adopted"),
    [
        ("https://hafen.example.org/feed", True),
        ("https://feeds.hafen.example.org/all", True),
        ("https://fremd.example.net/feed", False),
        ("https://boese-hafen.example.org/feed", False),
    ],
)
def test_an_imported_article_is_adopted_by_a_feed_of_its_site_only(feed_url: str, is_adopted: bool) -> None:
    draft = make_draft(title="Der Kran hebt", url="https://www.hafen.example.org/kran")
    imported, _ = intake.take_in(draft, at=NOON)
    feed = make_feed(url=feed_url)

    told, is_new = intake.take_in(
        replace(draft, title="Der Kran fällt", url="https://fremd.example.net/x"), feed=feed, at=LATER
    )

    imported.refresh_from_db()
    assert is_new is not is_adopted
    assert (told == imported) is is_adopted
    assert imported.title == ("Der Kran fällt" if is_adopted else "Der Kran hebt")
    assert imported.feed == (feed if is_adopted else None)


def test_two_pieces_of_one_title_stay_two_where_another_source_has_their_guids() -> None:
    both = [make_draft(title="Polizeibericht"), make_draft(title="Polizeibericht")]
    intake.take_in_all(both, feed=make_feed(), at=NOON)
    stranger = make_feed(url="https://fremd.example.net/feed")
    intake.take_in_all(both[:1], feed=stranger, at=NOON)

    taken = intake.take_in_all(both, feed=stranger, at=LATER)

    assert [is_new for _, is_new in taken] == [False, True]
    assert Article.objects.filter(feed=stranger).count() == 2


def test_an_import_of_what_a_feed_brought_finds_it_as_it_is() -> None:
    draft = make_draft()
    article, _ = intake.take_in(draft, feed=make_feed(), at=NOON)

    again, is_new = intake.take_in(replace(draft, title="Ganz anders"), at=LATER)

    assert (again, is_new, again.changed_at) == (article, False, None)


def test_a_stamp_from_the_future_is_clamped_and_a_missing_one_is_now() -> None:
    future, _ = intake.take_in(make_draft(published_at=dt.datetime(2099, 1, 1, tzinfo=dt.UTC)), at=NOON)
    missing, _ = intake.take_in(make_draft(), at=NOON)

    assert future.published_at == NOON
    assert missing.published_at == NOON


@pytest.mark.parametrize(
    ("rights", "has_teaser", "has_body"),
    [(FeedRights.FULL, True, True), (FeedRights.TEASER, True, False), (FeedRights.HEADLINE, False, False)],
)
def test_only_what_the_source_allows_is_kept(rights: str, has_teaser: bool, has_body: bool) -> None:
    draft = make_draft(
        body_html="<h2 id='s-a'>Am Kai</h2><p>Der Kran hebt wieder.</p>", teaser="Kurz.", words=7
    )

    article, _ = intake.take_in(draft, feed=make_feed(rights=rights), at=NOON)

    assert bool(article.teaser) is has_teaser
    assert bool(article.body_html) is has_body
    assert bool(article.headings) is has_body
    assert article.words == 7, "how long it is may be said"


def test_a_feed_lends_its_language_section_origin_and_rights_contact() -> None:
    section = Section.objects.create(slug="hafen", name_de="Hafen", name_en="Harbour")
    feed = make_feed(
        language="en", section=section, origin=Origin.CONTRIBUTOR, rights_contact="rights@example.org"
    )

    article, _ = intake.take_in(
        make_draft(language="", title="Xyz", body_html="<p>Abc</p>"), feed=feed, at=NOON
    )

    assert article.language == "en"
    assert article.section == section
    assert article.origin == Origin.CONTRIBUTOR
    assert article.rights_contact == "rights@example.org"


def test_known_authors_are_met_again_and_new_ones_written_down() -> None:
    known = make_author(name="Ada Beispiel", slug="ada-beispiel")
    make_author(name="Bo Müster", slug="bo-muster")

    article, _ = intake.take_in(make_draft(authors=("Ada Beispiel", "Bo Muster", "日本")), at=NOON)

    authors = [byline.author for byline in article.bylines.all()]
    assert authors[0] == known
    assert authors[1].slug == "bo-muster-2"
    assert Author.objects.get(name="日本").slug == "author"


@pytest.mark.parametrize(
    ("origin", "role", "byline"),
    [
        (Origin.STAFF, "Reporterin", "Ada Beispiel"),
        (Origin.AGENCY, "Reporterin", "Ada Beispiel (fremd.example.net)"),
        (Origin.CONTRIBUTOR, "Reporterin", "Ada Beispiel (fremd.example.net)"),
        (Origin.AGENCY, "", "Ada Beispiel"),
    ],
)
def test_a_feed_of_others_does_not_sign_for_whom_the_newsroom_introduced(
    origin: str, role: str, byline: str
) -> None:
    make_author(name="Ada Beispiel", role_de=role)
    feed = make_feed(url="https://www.fremd.example.net/feed?x", origin=origin)

    article, _ = intake.take_in(make_draft(authors=("Ada Beispiel",)), feed=feed, at=NOON)
    intake.take_in(make_draft(authors=("Ada Beispiel", byline)), feed=feed, at=NOON)

    assert article.byline == [byline]
    assert Author.objects.get(name=byline).articles.count() == 2


def test_a_name_as_long_as_names_may_be_still_tells_its_source() -> None:
    name = "A" * 120
    make_author(name=name, role_en="Reporter")

    article, _ = intake.take_in(
        make_draft(authors=(name,)),
        feed=make_feed(url=f"https://{'b' * 60}.{'c' * 60}.example.net/"),
        at=NOON,
    )

    assert article.byline == [f"{'A' * 60} ({'b' * 57})"]


def test_a_slug_that_is_taken_gets_a_number() -> None:
    make_article(slug="der-kran")

    article, _ = intake.take_in(make_draft(title="Der Kran"), at=NOON)

    assert article.slug == "der-kran-2"


def test_related_articles_are_found_by_slug_whatever_their_order() -> None:
    taken = intake.take_in_all(
        [make_draft(slug="a", related=("b", "fehlt", "a")), make_draft(slug="b")], at=NOON
    )

    assert [article.slug for article in taken[0][0].related.all()] == ["b"]


def test_one_bad_draft_leaves_nothing_of_its_source(tmp_path: Path) -> None:
    drafts = [make_draft(), make_draft(picture_path=tmp_path / "gone.jpg")]

    with pytest.raises(FileNotFoundError):
        intake.take_in_all(drafts, at=NOON)

    assert not Article.objects.exists()
    assert not Author.objects.exists()


def test_a_picture_comes_with_its_article_and_is_kept_once(tmp_path: Path) -> None:
    file = tmp_path / "kran.jpg"
    file.write_bytes(make_picture_bytes(size=(1201, 676)))
    draft = make_draft(picture_path=file, picture_alt="Ein Kran", picture_source="algorithmicMedia")

    first, _ = intake.take_in(draft, at=NOON)
    second, _ = intake.take_in(make_draft(picture_path=file), at=NOON)

    assert first.picture is not None
    assert first.picture == second.picture == Picture.objects.get()
    assert (first.picture.width, first.picture.height) == (1201, 676)
    assert first.has_machine_picture


def test_queries_do_not_grow_with_what_is_stored(django_assert_num_queries: Any) -> None:
    feed = make_feed()
    drafts = [make_draft() for _ in range(12)]
    intake.take_in_all(drafts, feed=feed, at=NOON)

    with django_assert_num_queries(3):  # savepoint, the article, release
        intake.take_in(drafts[0], feed=feed, at=LATER)
