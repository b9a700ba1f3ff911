"""Articles of one event, kept together: looked for when articles come in, corrected by editors, never asked twice.

An article is compared with those of its language first seen within two weeks of it. What editors decided holds
through every later look, the whole regrouping included.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, combinations

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from newsroom.articles import similarity, text
from newsroom.articles.errors import ClusterError
from newsroom.articles.grouping import Groups
from newsroom.articles.models import Article, ArticleFingerprint, Cluster, ClusterDecision
from newsroom.articles.similarity import Fingerprint, Index, Weights, fingerprint
from newsroom.articles.states import Verdict

WEIGHED = 1000
"""So many of the newest articles say how common an n-gram is; more would not change the order."""
AT_ONCE = 2000
"""Most articles looked at in one go; the rest waits for the next."""


def group_new(*, at: datetime) -> int:
    """Look at the articles of the last two weeks that nobody compared yet, or that changed since; how many they were.

    Safe to run twice at once: the second waits for the first. Queries: 1 if there is nothing to look at, else a fixed
    number per language. It reads 1 to 2 kB per article of the window.
    """
    new = _prints(_unseen(at)[:AT_ONCE], at)
    if not new:
        return 0
    with transaction.atomic():
        _one_at_a_time()
        ArticleFingerprint.objects.bulk_create(
            (_row(key, one, at) for key, (_language, one) in new.items()),
            update_conflicts=True,
            unique_fields=["article"],
            update_fields=["place", "rubric", "title", "grams", "made_at"],
            batch_size=100,
        )
        for language in sorted({language for language, _one in new.values()}):
            _group({key: one for key, (spoken, one) in new.items() if spoken == language}, language, at=at)
    return len(new)


def regroup(*, at: datetime) -> int:
    """Forget what grouping found in the last two weeks and look again; editors' decisions stay. How many articles."""
    with transaction.atomic():
        _one_at_a_time()
        window = Article.objects.filter(first_seen_at__gt=at - similarity.WINDOW)
        ArticleFingerprint.objects.filter(article__in=window.values("pk")).delete()
        window.update(cluster=None)
        count = 0
        while found := group_new(at=at):
            count += found
        Cluster.objects.filter(articles__isnull=True).delete()
    return count


def merge(articles: Sequence[Article], *, by: str, at: datetime) -> Cluster:
    """These articles, and those already together with one of them, tell of one event. Raises ClusterError."""
    if len(articles) < 2:
        raise ClusterError(_("Choose at least two articles."))
    if len({article.language for article in articles}) > 1:
        raise ClusterError(_("Articles in different languages stay apart: a digest has one language."))
    with transaction.atomic():
        _one_at_a_time()
        chosen = {article.pk for article in articles}
        clusters = {article.cluster_id for article in articles if article.cluster_id}
        members = set(Article.objects.filter(cluster__in=clusters).values_list("pk", flat=True)) | chosen
        ClusterDecision.objects.filter(first__in=members, second__in=members, verdict=Verdict.APART).delete()
        _decide(combinations(sorted(chosen), 2), Verdict.TOGETHER, by=by, at=at)
        return _put_together(sorted(members), at)


def split_off(article: Article, *, by: str, at: datetime) -> None:
    """This article tells of something else than the others of its cluster. Raises ClusterError if it has none."""
    with transaction.atomic():
        _one_at_a_time()
        others = Article.objects.filter(cluster=article.cluster_id, cluster__isnull=False)
        pairs = [
            (min(article.pk, other), max(article.pk, other))
            for other in others.exclude(pk=article.pk).values_list("pk", flat=True)
        ]
        if not pairs:
            raise ClusterError(_("“%(title)s” stands alone already.") % {"title": article.title})
        _decide(pairs, Verdict.APART, by=by, at=at)
        left = article.cluster_id
        Article.objects.filter(pk=article.pk).update(cluster=None)
        if left and others.count() == 1:
            others.update(cluster=None)
            Cluster.objects.filter(pk=left).delete()
    article.refresh_from_db(fields=["cluster"])


def _unseen(at: datetime) -> QuerySet[Article]:
    window = Article.objects.filter(first_seen_at__gt=at - similarity.WINDOW, withdrawn_at__isnull=True)
    stale = Q(fingerprint__isnull=True) | Q(changed_at__gt=F("fingerprint__made_at"))
    return window.filter(stale).order_by("first_seen_at", "pk")


def _prints(articles: QuerySet[Article], at: datetime) -> dict[int, tuple[str, Fingerprint]]:
    wanted = ("pk", "language", "canonical_url", "title", "teaser", "body_html", "first_seen_at")
    return {
        article.pk: (
            article.language,
            fingerprint(
                url=article.canonical_url,
                title=article.title,
                text=_beginning(article),
                at=article.first_seen_at,
            ),
        )
        for article in articles.only(*wanted)
    }


def _beginning(article: Article) -> str:
    """The teaser if the text does not say it again, and the text."""
    body = text.plain(article.body_html[: similarity.READ_CHARACTERS * 4])
    return body if article.teaser[:60] in body else f"{article.teaser} {body}"


def _row(key: int, one: Fingerprint, at: datetime) -> ArticleFingerprint:
    return ArticleFingerprint(
        article_id=key,
        place=one.place[:1000],
        rubric=one.rubric,
        title=similarity.pack(one.title),
        grams=similarity.pack(one.grams),
        made_at=at,
    )


def _group(new: dict[int, Fingerprint], language: str, *, at: datetime) -> None:
    """Find the groups that the new ones belong to, and write down what changed."""
    newest = list(_stored(language, without=new, at=at, limit=WEIGHED))
    index: Index[int] = Index(Weights(chain(new.values(), (one for _key, one in newest))))
    likeness: dict[tuple[int, int], float] = {}
    pairs: list[tuple[float, int, int]] = []

    def compare(key: int, one: Fingerprint) -> None:
        for other, score in index.like(one):
            likeness[other, key] = score
            if similarity.is_alike(score, one, new[other]):
                pairs.append((score, other, key))

    for key, one in new.items():
        compare(key, one)
        index.add(key, one)
    for key, one in chain(newest, _stored(language, without=new, at=at, start=WEIGHED)):
        compare(key, one)
    _write(new, likeness, pairs, at)


def _stored(
    language: str, *, without: Iterable[int], at: datetime, start: int = 0, limit: int | None = None
) -> Iterator[tuple[int, Fingerprint]]:
    """The fingerprints of the window, newest first."""
    rows = ArticleFingerprint.objects.filter(
        article__language=language,
        # Twice the window: what comes in late may be two weeks older than the newest.
        article__first_seen_at__gt=at - 2 * similarity.WINDOW,
        article__withdrawn_at__isnull=True,
    ).order_by("-article__first_seen_at", "-article_id")
    known = set(without)
    wanted = ("article_id", "place", "rubric", "title", "grams", "article__first_seen_at")
    for key, place, rubric, title, grams, seen in rows.values_list(*wanted)[
        start : start + limit if limit else None
    ].iterator(chunk_size=500):
        if key not in known:
            yield (
                key,
                Fingerprint(
                    place=place,
                    rubric=rubric,
                    title=similarity.unpack(title),
                    grams=similarity.unpack(grams),
                    at=seen,
                ),
            )


def _write(
    new: dict[int, Fingerprint],
    likeness: dict[tuple[int, int], float],
    pairs: list[tuple[float, int, int]],
    at: datetime,
) -> None:
    decided = _decisions(new)
    touched = (
        set(new) | {key for pair in pairs for key in pair[1:]} | {key for pair in decided for key in pair}
    )
    clusters = dict(Article.objects.filter(pk__in=touched).values_list("pk", "cluster_id"))
    together = Article.objects.filter(cluster__in={each for each in clusters.values() if each})
    members: dict[int, list[int]] = {}
    for key, cluster in together.values_list("pk", "cluster_id"):
        members.setdefault(cluster, []).append(key)
    groups: Groups[int] = Groups(
        likeness, apart=[pair for pair, verdict in decided.items() if verdict == Verdict.APART]
    )
    for known in members.values():
        for key in known[1:]:
            groups.bind(known[0], key)
    for (one, other), verdict in decided.items():
        if verdict == Verdict.TOGETHER:
            groups.bind(one, other)
    groups.join(pairs)
    for group in groups.found():
        if not set(group) <= set(members.get(clusters.get(group[0]) or 0, ())):
            _put_together(group, at)


def _decisions(keys: Iterable[int]) -> dict[tuple[int, int], str]:
    wanted = list(keys)
    rows = ClusterDecision.objects.filter(Q(first__in=wanted) | Q(second__in=wanted))
    return {
        (first, second): verdict for first, second, verdict in rows.values_list("first", "second", "verdict")
    }


def _decide(pairs: Iterable[tuple[int, int]], verdict: Verdict, *, by: str, at: datetime) -> None:
    """Write the decisions down; a later one replaces an earlier one on the same two."""
    ClusterDecision.objects.bulk_create(
        (
            ClusterDecision(first_id=first, second_id=second, verdict=verdict, made_by=by[:150], made_at=at)
            for first, second in pairs
        ),
        update_conflicts=True,
        unique_fields=["first", "second"],
        update_fields=["verdict", "made_by", "made_at"],
    )


def _put_together(keys: Sequence[int], at: datetime) -> Cluster:
    """One cluster of these articles: the oldest that one of them has, else a new one; emptied ones go."""
    had = set(Article.objects.filter(pk__in=keys, cluster__isnull=False).values_list("cluster_id", flat=True))
    cluster = Cluster.objects.get(pk=min(had)) if had else Cluster.objects.create(made_at=at)
    Article.objects.filter(pk__in=keys).update(cluster=cluster)
    Cluster.objects.filter(pk__in=had - {cluster.pk}, articles__isnull=True).delete()
    return cluster


def _one_at_a_time() -> None:
    """Two groupings at once would not see each other's articles: the second waits for this row of the first.

    The row stands for the table of articles; nothing else locks it this way. SQLite lets one write at a time anyway.
    """
    content_type = ContentType.objects.get_for_model(Article)
    ContentType.objects.select_for_update(no_key=True).get(pk=content_type.pk)
