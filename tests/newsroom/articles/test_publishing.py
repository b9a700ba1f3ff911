"""Editorial acts on an article."""

import pytest

from newsroom.articles import pictures, publishing
from newsroom.articles.models import Article
from newsroom.articles.states import Origin, Review
from tests.factories import NOON, make_article
from tests.newsroom.articles.factories import make_picture_bytes

pytestmark = pytest.mark.django_db


def test_withdrawing_takes_the_article_and_its_picture_and_restoring_gives_both_back() -> None:
    article = make_article(picture=pictures.keep(make_picture_bytes()))

    publishing.withdraw(article, because="Rechte", at=NOON)

    assert (article.withdrawn_at, article.withdrawn_reason) == (NOON, "Rechte")
    assert article.picture is not None
    assert article.picture.withdrawn_at == NOON
    assert not Article.objects.published(NOON).exists()

    publishing.restore(article)

    assert article.withdrawn_at is None
    assert article.picture.withdrawn_at is None
    assert Article.objects.published(NOON).get() == article


def test_withdrawing_twice_keeps_the_first_reason() -> None:
    article = make_article()

    publishing.withdraw(article, because="Erster Grund", at=NOON)
    publishing.withdraw(article, because="Zweiter Grund", at=NOON.replace(hour=20))

    assert (article.withdrawn_at, article.withdrawn_reason) == (NOON, "Erster Grund")


def test_a_picture_that_another_article_shows_stays() -> None:
    picture = pictures.keep(make_picture_bytes())
    article = make_article(picture=picture)
    make_article(picture=picture)

    publishing.withdraw(article, because="Irrtum", at=NOON)

    picture.refresh_from_db()
    assert picture.withdrawn_at is None


def test_only_submissions_can_be_reviewed() -> None:
    own = make_article()
    sent_in = make_article(origin=Origin.USER_SUBMISSION, review=Review.UNREVIEWED)

    publishing.mark_reviewed(own)
    publishing.mark_reviewed(sent_in)

    assert own.review == Review.NOT_NEEDED
    assert sent_in.review == Review.REVIEWED
