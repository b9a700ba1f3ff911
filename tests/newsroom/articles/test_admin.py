"""The desk's lists and acts."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from newsroom.articles import pictures
from newsroom.articles.models import Article, Feed, Picture
from newsroom.articles.states import Origin, Review
from tests.factories import NOON, make_article, make_author, make_section
from tests.newsroom.articles.factories import make_feed, make_picture, make_picture_bytes

pytestmark = pytest.mark.django_db
XMP = b"<x>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</x>"


def signed_in(*codenames: str, is_superuser: bool = False) -> Client:
    user = User.objects.create_user("desk", password=None, is_staff=True, is_superuser=is_superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client(headers={"accept-language": "en"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def desk() -> Client:
    return signed_in(is_superuser=True)


def act(desk: Client, model: str, action: str, *rows: Any, **data: str) -> Any:
    return desk.post(
        f"/admin/articles/{model}/",
        {"action": action, "_selected_action": [str(row.pk) for row in rows], **data},
        follow=True,
    )


def test_withdrawing_asks_for_a_reason_first(desk: Client) -> None:
    article = make_article(title="Der Kran")

    asked = act(desk, "article", "withdraw", article)
    article.refresh_from_db()
    assert article.withdrawn_at is None
    assert "Der Kran" in asked.content.decode()
    assert 'name="reason"' in asked.content.decode()
    empty = act(desk, "article", "withdraw", article, reason=" ")
    article.refresh_from_db()
    assert article.withdrawn_at is None
    assert "This field is required" in empty.content.decode()

    done = act(desk, "article", "withdraw", article, reason="Rechte Dritter")

    article.refresh_from_db()
    assert article.withdrawn_at is not None
    assert article.withdrawn_reason == "Rechte Dritter"
    assert "1 article withdrawn." in done.content.decode()


def test_restoring_and_reviewing_are_one_act_each(desk: Client) -> None:
    gone = make_article(withdrawn_at=NOON, withdrawn_reason="Irrtum")
    sent_in = make_article(origin=Origin.USER_SUBMISSION, review=Review.UNREVIEWED)

    act(desk, "article", "restore", gone, sent_in)
    act(desk, "article", "mark_reviewed", gone, sent_in)

    gone.refresh_from_db()
    sent_in.refresh_from_db()
    assert gone.withdrawn_at is None
    assert gone.review == Review.NOT_NEEDED
    assert sent_in.review == Review.REVIEWED


@pytest.mark.parametrize("review", [Review.NOT_NEEDED, Review.UNREVIEWED])
def test_a_submission_that_nobody_said_anything_of_is_marked_and_listed_as_any_other(
    review: Review, desk: Client
) -> None:
    sent_in = make_article(origin=Origin.USER_SUBMISSION, review=review)
    assert "user submission, unreviewed" in desk.get("/admin/articles/article/").content.decode()

    done = act(desk, "article", "mark_reviewed", sent_in)

    sent_in.refresh_from_db()
    assert sent_in.review == Review.REVIEWED
    assert "1 submission marked." in done.content.decode()


@pytest.mark.parametrize(
    ("origin", "stated", "kept"),
    [
        (Origin.USER_SUBMISSION, Review.NOT_NEEDED, Review.UNREVIEWED),
        (Origin.USER_SUBMISSION, Review.REVIEWED, Review.REVIEWED),
        (Origin.STAFF, Review.NOT_NEEDED, Review.NOT_NEEDED),
    ],
)
def test_a_submission_written_down_at_the_desk_is_unreviewed_unless_somebody_says_otherwise(
    origin: Origin, stated: Review, kept: Review, desk: Client
) -> None:
    data = {
        "kicker": "", "title": "Der Kran", "slug": "der-kran", "teaser": "", "language": "de", "body_html": "<p>Er hebt.</p>",
        "origin": origin, "review": stated, "reading_minutes": "1", "published_at_0": "2026-05-04", "published_at_1": "12:00",
        "bylines-TOTAL_FORMS": "0", "bylines-INITIAL_FORMS": "0", "corrections-TOTAL_FORMS": "0", "corrections-INITIAL_FORMS": "0",
        "former_versions-TOTAL_FORMS": "0", "former_versions-INITIAL_FORMS": "0",
    }  # fmt: skip

    answer = desk.post("/admin/articles/article/add/", data)

    assert answer.status_code == 302, answer.content.decode()
    assert Article.objects.get().review == kept


@pytest.mark.parametrize("action", ["withdraw", "restore", "mark_reviewed"])
def test_who_may_only_look_may_not_act(action: str) -> None:
    article = make_article(origin=Origin.USER_SUBMISSION, review=Review.UNREVIEWED)
    before = Article.objects.values().get()

    act(signed_in("view_article"), "article", action, article, reason="x")

    assert Article.objects.values().get() == before


def test_an_article_written_at_the_desk_is_cleaned_counted_and_dated(desk: Client) -> None:
    author = make_author()
    data = {
        "kicker": "", "title": "Der Kran", "slug": "der-kran", "teaser": "", "language": "de",
        "body_html": "<h1>Am Kai</h1><p onclick='x'>Er hebt wieder.<script>alert(1)</script></p>",
        "origin": "staff", "review": "not_needed", "reading_minutes": "1", "published_at_0": "2026-05-04", "published_at_1": "12:00",
        "bylines-TOTAL_FORMS": "1", "bylines-INITIAL_FORMS": "0", "bylines-0-author": str(author.pk), "bylines-0-position": "0",
        "corrections-TOTAL_FORMS": "1", "corrections-INITIAL_FORMS": "0", "corrections-0-text": "Es war Dienstag.",
        "former_versions-TOTAL_FORMS": "0", "former_versions-INITIAL_FORMS": "0",
    }  # fmt: skip

    answer = desk.post("/admin/articles/article/add/", data)

    assert answer.status_code == 302, answer.content.decode()
    article = Article.objects.get()
    assert article.body_html == '<h2 id="s-am-kai">Am Kai</h2><p>Er hebt wieder.</p>'
    assert article.headings == ["Am Kai"]
    assert article.words == 5
    assert article.first_seen_at is not None
    assert article.byline == [author.name]
    assert article.corrections.get().made_by == "desk"


def test_an_upload_is_looked_into_and_says_how_it_was_made(desk: Client) -> None:
    upload = SimpleUploadedFile("bild.jpg", make_picture_bytes(size=(2000, 1000), xmp=XMP), "image/jpeg")

    answer = desk.post(
        "/admin/articles/picture/add/", {"file": upload, "alt": "Ein Kran", "digital_source": ""}
    )

    assert answer.status_code == 302, answer.content.decode()
    picture = Picture.objects.get()
    assert (picture.width, picture.height) == (1600, 800)
    assert picture.digital_source == "trainedAlgorithmicMedia"
    assert picture.sha256


def test_the_same_upload_twice_and_a_false_picture_are_refused(desk: Client) -> None:
    content = make_picture_bytes()
    pictures.keep(content)

    for upload, reason in [
        (content, "We keep this picture already"),
        (make_picture_bytes("BMP"), "no picture that we can read"),
    ]:
        answer = desk.post(
            "/admin/articles/picture/add/",
            {"file": SimpleUploadedFile("bild.jpg", upload, "image/jpeg"), "alt": ""},
        )
        assert answer.status_code == 200
        assert reason in answer.content.decode()

    assert Picture.objects.count() == 1


def test_a_picture_s_words_can_be_changed_without_a_new_upload(desk: Client) -> None:
    picture = pictures.keep(make_picture_bytes())

    answer = desk.post(
        f"/admin/articles/picture/{picture.pk}/change/",
        {"alt": "Ein Kran", "credit": "Ada", "digital_source": ""},
    )

    assert answer.status_code == 302, answer.content.decode()
    changed = Picture.objects.get()
    assert changed.alt == "Ein Kran"
    assert changed.file.name == picture.file.name


def test_check_now_makes_a_feed_due(desk: Client) -> None:
    feed = make_feed(gone_at=NOON, next_check_at=None)

    done = act(desk, "feed", "check_now", feed)

    assert "1 feed will be checked" in done.content.decode()
    feed.refresh_from_db()
    assert feed.gone_at is None
    assert feed.next_check_at is not None


def test_narrowing_a_feed_s_rights_takes_away_what_was_kept(desk: Client) -> None:
    feed = make_feed()
    article = make_article(feed=feed)
    data = {
        "url": feed.url,
        "title": "",
        "language": "de",
        "rights": "headline",
        "origin": "agency",
        "interval_minutes": "60",
    }

    answer = desk.post(f"/admin/articles/feed/{feed.pk}/change/", data)

    assert answer.status_code == 302, answer.content.decode()
    article.refresh_from_db()
    assert (article.teaser, article.body_html) == ("", "")
    assert Feed.objects.get().rights == "headline"


@pytest.mark.parametrize("number", [2, 20])
@pytest.mark.parametrize("model", ["article", "author", "section", "picture", "feed"])
def test_lists_cost_the_same_however_long_they_are(
    desk: Client, model: str, number: int, django_assert_max_num_queries: Any
) -> None:
    for each in range(number):
        section = make_section()
        make_article(section=section, authors=(make_author(),), feed=make_feed(section=section))
        pictures.keep(make_picture_bytes(size=(40, 31 + each)))

    # Session, user, the two counts, the rows; for articles the dates and the choices of the filters as well.
    with django_assert_max_num_queries(12):
        answer = desk.get(f"/admin/articles/{model}/")

    assert answer.status_code == 200


@pytest.mark.parametrize("model", ["article", "author", "section", "picture", "feed"])
def test_every_form_opens(desk: Client, model: str) -> None:
    article = make_article(
        section=make_section(),
        authors=(make_author(),),
        feed=make_feed(),
        picture=pictures.keep(make_picture_bytes()),
    )
    rows = {
        "article": article, "author": article.authors.get(), "section": article.section, "picture": article.picture,
        "feed": article.feed,
    }  # fmt: skip
    row = rows[model]
    assert row is not None

    assert desk.get(f"/admin/articles/{model}/add/").status_code == 200
    assert desk.get(f"/admin/articles/{model}/{row.pk}/change/").status_code == 200


def new_article(**values: str) -> dict[str, str]:
    """What the form sends for a new article."""
    inlines = ("bylines", "corrections", "former_versions")
    management = {f"{name}-{part}_FORMS": "0" for name in inlines for part in ("TOTAL", "INITIAL")}
    return {
        "title": "Über den Fluß: Fähre fährt wieder", "slug": "", "language": "de", "origin": "staff",
        "review": "not_needed", "reading_minutes": "2", "published_at_0": "2026-05-04", "published_at_1": "12:00",
        **management, **values,
    }  # fmt: skip


def test_new_article_is_named_after_its_headline_as_germans_spell_it(desk: Client) -> None:
    for _ in range(2):
        assert desk.post("/admin/articles/article/add/", new_article()).status_code == 302

    slugs = set(Article.objects.values_list("slug", flat=True))
    assert slugs == {"ueber-den-fluss-faehre-faehrt-wieder", "ueber-den-fluss-faehre-faehrt-wieder-2"}


def test_new_article_begins_with_the_present_time_and_the_sites_language(desk: Client) -> None:
    form = desk.get("/admin/articles/article/add/").context["adminform"].form

    assert form.initial["published_at"] is not None
    assert form.initial["language"] == "de"
    assert [code for code, _name in form.fields["language"].choices] == ["de", "en"]


def test_saving_keeps_the_name_of_an_article_and_a_language_the_site_does_not_speak(desk: Client) -> None:
    article = make_article(language="fr", slug="le-bac")

    answer = desk.post(f"/admin/articles/article/{article.pk}/change/", new_article(language="fr"))

    article.refresh_from_db()
    assert answer.status_code == 302
    assert (article.language, article.slug) == ("fr", "le-bac")


def test_list_says_in_words_how_an_article_stands(desk: Client) -> None:
    make_article(withdrawn_at=NOON, origin=Origin.USER_SUBMISSION, review=Review.UNREVIEWED)

    text = desk.get("/admin/articles/article/").content.decode()

    assert "withdrawn</td>" in text
    assert "user submission, unreviewed" in text
    assert "icon-no" not in text


@pytest.mark.parametrize("name", ["bild.jpg", "bild.pdf"])
def test_upload_that_is_no_picture_is_told_which_formats_are(desk: Client, name: str) -> None:
    upload = SimpleUploadedFile(name, b"%PDF-1.7", content_type="image/jpeg")

    answer = desk.post("/admin/articles/picture/add/", {"file": upload})

    assert "JPEG, PNG, GIF and WebP" in answer.content.decode()
    assert not Picture.objects.exists()


def test_the_desk_gives_an_author_a_portrait_and_a_lost_picture_takes_no_author_with_it(desk: Client) -> None:
    ada, portrait = make_author(name="Ada Beispiel", slug="ada"), make_picture()
    data = {"name": "Ada Beispiel", "slug": "ada", "portrait": str(portrait.pk)}

    page = desk.get(f"/admin/articles/author/{ada.pk}/change/").content.decode()
    answer = desk.post(f"/admin/articles/author/{ada.pk}/change/", data)

    ada.refresh_from_db()
    assert 'name="portrait"' in page
    assert answer.status_code == 302
    assert ada.portrait == portrait
    portrait.delete()
    ada.refresh_from_db()
    assert ada.portrait is None
