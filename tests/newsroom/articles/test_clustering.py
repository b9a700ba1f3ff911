"""Clusters in the database: found once, corrected by editors, remembered."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from newsroom.articles import clustering
from newsroom.articles.errors import ClusterError
from newsroom.articles.models import Article, Cluster, ClusterDecision
from newsroom.articles.states import Verdict
from tests.factories import NOON, make_article

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
BEES = "Am Waldrand von Hohenrode sind acht Bienenvölker gestohlen worden, sagt Imker Knut Eberding."
BEES_AGAIN = "Acht Bienenvölker fehlen dem Imker Knut Eberding, gestohlen am Waldrand bei Hohenrode."
ORGAN = "Orgelbauer Veit Lausch restauriert 2140 Pfeifen, der Förderkreis sammelte dafür Spenden."


def _article(title: str, text: str, **values: Any) -> Article:
    return make_article(title=title, teaser="", body_html=f"<p>{text}</p>", is_compared=False, **values)


def _bees() -> tuple[Article, Article]:
    return _article("Bienen gestohlen", BEES), _article("Diebe am Bienenstock", BEES_AGAIN)


def _cluster(article: Article) -> int | None:
    return Article.objects.values_list("cluster", flat=True).get(pk=article.pk)


def test_articles_on_one_event_share_a_cluster_and_others_have_none() -> None:
    first, second = _bees()
    other = _article("Orgel wird gerettet", ORGAN)

    assert clustering.group_new(at=NOON) == 3

    assert _cluster(first) == _cluster(second) is not None
    assert _cluster(other) is None


def test_a_later_article_joins_the_cluster_that_is_there() -> None:
    first, second = _bees()
    clustering.group_new(at=NOON)
    before = _cluster(first)
    late = _article("Imker bestohlen", BEES, first_seen_at=NOON + DAY)

    assert clustering.group_new(at=NOON + DAY) == 1

    assert {_cluster(each) for each in (first, second, late)} == {before}


def test_languages_and_withdrawn_articles_stay_out() -> None:
    _article("Bienen gestohlen", BEES)
    english = _article("Bienen gestohlen", BEES, language="en")
    withdrawn = _article("Bienen gestohlen", BEES, withdrawn_at=NOON)

    clustering.group_new(at=NOON)

    assert _cluster(english) is None
    assert _cluster(withdrawn) is None


def test_what_was_compared_is_looked_at_again_only_when_it_changed() -> None:
    first, second = _article("Orgel", ORGAN), _article("Bienen gestohlen", BEES)
    clustering.group_new(at=NOON)
    assert clustering.group_new(at=NOON) == 0

    Article.objects.filter(pk=first.pk).update(
        title="Bienenvölker weg", body_html=BEES_AGAIN, changed_at=NOON + DAY
    )

    assert clustering.group_new(at=NOON + DAY) == 1
    assert _cluster(first) == _cluster(second) is not None


def test_a_split_is_remembered_through_every_later_look() -> None:
    first, second = _bees()
    clustering.group_new(at=NOON)
    second.refresh_from_db()

    clustering.split_off(second, by="jonas", at=NOON)

    assert (_cluster(first), _cluster(second)) == (None, None)
    assert not Cluster.objects.exists()
    clustering.regroup(at=NOON)
    assert (_cluster(first), _cluster(second)) == (None, None)
    with pytest.raises(ClusterError):
        clustering.split_off(second, by="jonas", at=NOON)


def test_a_merge_is_remembered_and_takes_an_earlier_split_back() -> None:
    first, second = _bees()
    other = _article("Orgel", ORGAN)
    clustering.group_new(at=NOON)
    second.refresh_from_db()
    clustering.split_off(second, by="jonas", at=NOON)

    clustering.merge([first, second, other], by="mia", at=NOON)

    assert len({_cluster(each) for each in (first, second, other)}) == 1
    clustering.regroup(at=NOON)
    (kept,) = {_cluster(each) for each in (first, second, other)}
    assert kept is not None
    assert set(ClusterDecision.objects.values_list("verdict", "made_by")) == {(Verdict.TOGETHER, "mia")}


def test_a_merge_needs_two_articles_of_one_language() -> None:
    german, english = make_article(), make_article(language="en")

    for articles in ([german], [german, english]):
        with pytest.raises(ClusterError):
            clustering.merge(articles, by="mia", at=NOON)


@pytest.mark.parametrize("size", [3, 30])
def test_grouping_costs_the_same_queries_at_any_size(size: int) -> None:
    for number in range(size):
        _article(f"Einzelstück {number * 7919}", f"Wort{number * 7919} steht für sich{number * 104729}")
    clustering.group_new(at=NOON - DAY)  # fills the cache of content types

    _article("Noch eines", ORGAN)
    with CaptureQueriesContext(connection) as queries:
        clustering.group_new(at=NOON)

    # New ones; savepoint, lock, fingerprints, newest and older ones, decisions, clusters of what is touched, release.
    assert len(queries) <= 10


@pytest.fixture
def desk(client: Client) -> Client:
    user = User.objects.create_user("jonas", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_article", "change_article"]))
    client.force_login(user)
    return client


def _act(client: Client, action: str, *articles: Article) -> int:
    answer = client.post(
        reverse("admin:articles_article_changelist"),
        {"action": action, "_selected_action": [article.pk for article in articles]},
    )
    return answer.status_code


def test_the_desk_puts_articles_together_and_parts_them_and_it_is_in_their_history(desk: Client) -> None:
    first, second = make_article(), make_article()

    _act(desk, "tell_of_one_event", first, second)
    assert _cluster(first) == _cluster(second) is not None
    page = desk.get(reverse("admin:articles_article_change", args=[first.pk]))
    assert second.title in page.content.decode()

    _act(desk, "tell_of_something_else", second)
    assert _cluster(second) is None
    assert LogEntry.objects.filter(object_id=str(second.pk)).count() == 2


def test_who_may_only_look_moves_nothing(client: Client) -> None:
    user = User.objects.create_user("leser", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_article"))
    client.force_login(user)
    first, second = make_article(), make_article()

    _act(client, "tell_of_one_event", first, second)

    assert _cluster(first) is None
    assert not ClusterDecision.objects.exists()
