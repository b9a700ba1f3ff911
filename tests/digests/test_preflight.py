"""Each rule of the preflight with a digest that keeps it and one that breaks it."""

import datetime as dt
from collections.abc import Callable

import pytest

from digests import preflight
from digests.models import Digest
from digests.rendering import MAXIMUM_BYTES, Rendered
from newsroom.articles.models import Article
from newsroom.articles.states import Origin, Review
from subscriptions.models import Sender
from tests.digests.factories import make_ready
from tests.factories import NOON, make_article, make_pick

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)


def articles(**values: object) -> Callable[[Digest], object]:
    return lambda digest: Article.objects.update(**values)


def words(**values: str) -> Callable[[Digest], object]:
    return lambda digest: Digest.objects.update(**values)


def second_lead(digest: Digest) -> object:
    return make_pick(digest=digest, article=make_article(), slot="lead", position=1)


@pytest.mark.parametrize(
    ("rule", "blocks", "spoil"),
    [
        ("slot_underfull", True, lambda digest: digest.picks.filter(slot="lead").delete()),
        ("slot_overfull", True, second_lead),
        ("nothing_picked", True, lambda digest: digest.picks.all().delete()),
        ("no_subject", True, words(subject=" ")),
        ("long_subject", False, words(subject="Die Fähre " * 8)),
        ("faked_reply", True, words(subject="AW: Die Fähre")),
        ("no_preheader", False, words(preheader="")),
        ("withdrawn", True, articles(withdrawn_at=NOON)),
        ("embargoed", True, articles(embargo_until=NOON + HOUR)),
        ("unreviewed", True, articles(origin=Origin.USER_SUBMISSION, review=Review.UNREVIEWED)),
        ("other_language", False, articles(language="en")),
        ("no_teaser", False, articles(teaser="")),
        ("no_legal_block", True, lambda digest: Sender.objects.update(imprint_url="")),
    ],
)
def test_a_rule_speaks_when_it_is_broken_and_only_then(
    rule: str, blocks: bool, spoil: Callable[[Digest], object]
) -> None:
    digest = make_ready(stories=3)
    before = preflight.check(digest, at=NOON)

    spoil(digest)
    after = preflight.check(Digest.objects.get(pk=digest.pk), at=NOON)

    assert rule not in {finding.rule for finding in before}
    assert {finding.blocks for finding in after if finding.rule == rule} == {blocks}


def test_a_good_digest_has_nothing_that_blocks() -> None:
    assert not [finding for finding in preflight.check(make_ready(stories=3), at=NOON) if finding.blocks]


def test_an_embargo_that_is_over_blocks_nobody() -> None:
    digest = make_ready()
    Article.objects.update(embargo_until=NOON)

    assert "embargoed" not in {finding.rule for finding in preflight.check(digest, at=NOON)}


@pytest.mark.parametrize(("size", "is_told"), [(MAXIMUM_BYTES, False), (MAXIMUM_BYTES + 1, True)])
def test_a_mail_that_gmail_would_cut_is_blocked(size: int, is_told: bool) -> None:
    large = Rendered(subject="s", preheader="p", html="x" * size, text="t", web_html="", language="de")

    findings = preflight.check(make_ready(), at=NOON, rendered=large)

    assert ("too_large" in {finding.rule for finding in findings}) is is_told
