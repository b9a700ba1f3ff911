"""What the desk is told to look at twice: each rule with a pair that it names and one that it lets pass."""

import datetime as dt
from typing import Any

import pytest

from digests.doubles import Double, doubles
from digests.models import Digest, Pick
from digests.states import DigestState, PickLabel
from digests.stories import with_stories
from newsroom.articles import pictures
from newsroom.articles.models import Cluster, Picture
from tests.factories import (
    NOON,
    make_article,
    make_author,
    make_digest,
    make_newsletter,
    make_pick,
    make_section,
)
from tests.newsroom.articles.factories import make_picture_bytes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]
DAY = dt.timedelta(days=1)


@pytest.fixture
def digest() -> Digest:
    return make_digest(newsletter=make_newsletter())


def found(digest: Digest) -> dict[int, list[Double]]:
    return doubles(digest, list(with_stories(digest.picks.all())), at=NOON)


def kinds(digest: Digest) -> list[str]:
    return [double.kind for each in found(digest).values() for double in each]


def two(digest: Digest, first: dict[str, Any], second: dict[str, Any]) -> tuple[Pick, Pick]:
    lead = make_pick(digest=digest, article=make_article(title="Die Fähre", **first))
    return lead, make_pick(digest=digest, slot="briefs", article=make_article(title="Der Kran", **second))


def make_picture(name: str) -> Picture:
    size = (40, 30) if name == "kran" else (30, 40)
    return pictures.keep(make_picture_bytes(size=size))


def test_the_same_address_is_named_and_another_is_not(digest: Digest) -> None:
    url = "https://quelle.example.org/kran"
    lead, brief = two(digest, {"canonical_url": url}, {"canonical_url": url})

    (double,) = found(digest)[brief.pk]

    assert (double.kind, double.other, double.stands) == ("url", lead, False)
    assert double.sentence == "The same address as “Die Fähre”."
    assert lead.pk not in found(digest)
    brief.article.canonical_url += "-2"
    brief.article.save()
    assert kinds(digest) == []


def test_the_same_event_is_named_and_another_is_not(digest: Digest) -> None:
    one, other = Cluster.objects.create(made_at=NOON), Cluster.objects.create(made_at=NOON)
    _lead, brief = two(digest, {"cluster": one}, {"cluster": one})

    assert kinds(digest) == ["cluster"]
    brief.article.cluster = other
    brief.article.save()
    assert kinds(digest) == []


def test_the_same_picture_is_named_also_if_the_desk_chose_it(digest: Digest) -> None:
    picture = make_picture("kran")
    _lead, brief = two(digest, {"picture": picture}, {"picture": make_picture("ufer")})
    assert kinds(digest) == []

    Pick.objects.filter(pk=brief.pk).update(picture=picture)

    assert kinds(digest) == ["picture"]


def test_the_third_article_of_an_author_is_named_the_second_is_not(digest: Digest) -> None:
    thea = make_author(name="Thea Brandwald")
    for position in range(2):
        make_pick(digest=digest, slot="briefs", position=position, article=make_article(authors=(thea,)))
    assert kinds(digest) == []

    third = make_pick(digest=digest, slot="more", article=make_article(authors=(thea,)))

    (double,) = found(digest)[third.pk]
    assert double.kind == "author"
    first, second = digest.picks.filter(slot="briefs")
    assert double.sentence == f"Article 3 by Thea Brandwald, after “{first}”, “{second}”."
    assert double.other == second


def test_all_from_one_section_is_said_once_and_not_of_two_articles(digest: Digest) -> None:
    city = make_section(name_de="Stadt")
    for position in range(2):
        make_pick(digest=digest, slot="briefs", position=position, article=make_article(section=city))
    assert kinds(digest) == []

    last = make_pick(digest=digest, slot="more", article=make_article(section=city))

    ((double,),) = found(digest).values()
    first, second = digest.picks.filter(slot="briefs")
    assert double.kind == "section"
    assert double.sentence == f"From one section with all others, Stadt: “{first}”, “{second}”."
    assert list(found(digest)) == [last.pk]
    make_pick(digest=digest, slot="more", position=1, article=make_article(section=make_section()))
    assert kinds(digest) == []


def test_of_many_others_three_are_named_and_the_rest_counted(digest: Digest) -> None:
    city = make_section(name_de="Stadt")
    for position in range(6):
        make_pick(digest=digest, slot="more", position=position, article=make_article(section=city))

    ((double,),) = found(digest).values()

    assert double.sentence.count("“") == 3
    assert double.sentence.endswith("” and 2 more.")


@pytest.mark.parametrize(
    ("age", "is_same", "state", "is_named"),
    [
        (29, True, DigestState.HANDED_OVER, True),
        (31, True, DigestState.HANDED_OVER, False),
        (29, False, DigestState.HANDED_OVER, False),
        (29, True, DigestState.DRAFT, False),
    ],
)
def test_what_this_newsletter_sent_lately_must_say_why_it_comes_again(
    digest: Digest, age: int, is_same: bool, state: DigestState, is_named: bool
) -> None:
    newsletter = digest.newsletter if is_same else make_newsletter()
    former = make_digest(newsletter=newsletter, state=state, handed_over_at=NOON - age * DAY)
    pick = make_pick(digest=digest, article=make_pick(digest=former).article)

    assert kinds(digest) == (["sent"] if is_named else [])
    if is_named:
        assert "Sent on 5. April in" in found(digest)[pick.pk][0].sentence


@pytest.mark.parametrize(
    ("age", "is_same", "is_named"), [(29, True, True), (31, True, False), (29, False, False)]
)
def test_an_event_that_another_source_told_lately_is_named_with_digest_and_day(
    digest: Digest, age: int, is_same: bool, is_named: bool
) -> None:
    event = Cluster.objects.create(made_at=NOON)
    newsletter = digest.newsletter if is_same else make_newsletter()
    former = make_digest(
        newsletter=newsletter, state=DigestState.HANDED_OVER, handed_over_at=NOON - age * DAY
    )
    make_pick(digest=former, article=make_article(title="Die Fähre liegt fest", cluster=event))
    pick = make_pick(digest=digest, article=make_article(title="Fähre: Motor kaputt", cluster=event))

    assert kinds(digest) == (["event"] if is_named else [])
    if is_named:
        (double,) = found(digest)[pick.pk]
        assert double.sentence == (
            f"“Die Fähre liegt fest” told of the same event on 5. April in {former} already."
        )
        Pick.objects.filter(pk=pick.pk).update(let_stand=[double.key])
        assert [each.stands for each in found(digest)[pick.pk]] == [True]
        Pick.objects.filter(pk=pick.pk).update(let_stand=[], label=PickLabel.UPDATE)
        assert [each.stands for each in found(digest)[pick.pk]] == [True]


def test_an_article_that_was_sent_itself_is_named_once(digest: Digest) -> None:
    event = Cluster.objects.create(made_at=NOON)
    former = make_digest(
        newsletter=digest.newsletter, state=DigestState.HANDED_OVER, handed_over_at=NOON - DAY
    )
    article = make_pick(digest=former, article=make_article(cluster=event)).article
    make_pick(digest=former, slot="more", article=make_article(cluster=event))
    make_pick(digest=digest, article=article)

    assert kinds(digest) == ["sent"]


def test_a_repeat_that_says_so_stands(digest: Digest) -> None:
    former = make_digest(
        newsletter=digest.newsletter, state=DigestState.HANDED_OVER, handed_over_at=NOON - DAY
    )
    pick = make_pick(digest=digest, article=make_pick(digest=former).article, label=PickLabel.REPEAT)

    assert [double.stands for double in found(digest)[pick.pk]] == [True]


def test_what_the_desk_let_stand_stands_until_another_comes(digest: Digest) -> None:
    url = "https://quelle.example.org/kran"
    lead, brief = two(digest, {"canonical_url": url}, {"canonical_url": url})
    Pick.objects.filter(pk=brief.pk).update(let_stand=[f"url:{lead.pk}"])

    assert [double.stands for double in found(digest)[brief.pk]] == [True]

    third = make_pick(digest=digest, slot="more", article=make_article(canonical_url=url))
    assert [double.stands for double in found(digest)[third.pk]] == [False, False]


@pytest.mark.parametrize("size", [2, 15])
def test_looking_twice_is_one_question(digest: Digest, size: int, django_assert_num_queries: Any) -> None:
    for position in range(size):
        make_pick(
            digest=digest, slot="more", position=position, article=make_article(authors=(make_author(),))
        )
    picks = list(with_stories(digest.picks.all()))

    with django_assert_num_queries(1):
        doubles(digest, picks, at=NOON)
