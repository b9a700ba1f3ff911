"""Marks made from an article's own page, by whoever sees the story."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from digests import marking
from digests.errors import MarkRefused
from digests.models import Mark, NewsletterAccess
from newsroom.articles.models import Article
from newsroom.web import clock
from subscriptions.models import Newsletter
from subscriptions.states import NewsletterState
from tests.digests.factories import make_colleague
from tests.factories import make_article, make_newsletter

pytestmark = pytest.mark.django_db


def browser(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page_of(article: Article) -> str:
    return reverse("admin:digests_mark_article", args=[article.pk])


@pytest.mark.parametrize("group", ["Redaktion", "Abnahme", "Community", "Betrieb"])
def test_an_article_is_marked_from_its_own_page(group: str) -> None:
    newsletter, article = make_newsletter(name="Morgenpost"), make_article(title="Die Fähre")
    client = browser(make_colleague("nora", group))

    linked = client.get(reverse("admin:articles_article_change", args=[article.pk])).text
    told = client.post(
        page_of(article), {"newsletter": newsletter.pk, "note": " Für Montag "}, follow=True
    ).text

    assert f'href="{page_of(article)}"' in linked
    assert "“Die Fähre” is marked for Morgenpost." in told
    mark = Mark.objects.get()
    assert (mark.newsletter, mark.article, mark.note) == (newsletter, article, "Für Montag")
    assert mark.marked_by == User.objects.get(username="nora")
    assert "Für Montag" in client.get(page_of(article)).text


def test_who_only_looks_finds_no_way_to_mark() -> None:
    newsletter, article = make_newsletter(), make_article()
    client = browser(make_colleague("lea", "Lesend"))

    assert (
        page_of(article) not in client.get(reverse("admin:articles_article_change", args=[article.pk])).text
    )
    assert client.post(page_of(article), {"newsletter": newsletter.pk}).status_code == 403
    assert not Mark.objects.exists()


def test_a_mark_goes_to_newsletters_of_ones_own_that_could_take_the_article() -> None:
    own, foreign = make_newsletter(name="Morgenpost"), make_newsletter(name="Abendpost")
    english = make_newsletter(name="Morning Post", language="en")
    retired = make_newsletter(name="Altpost", state=NewsletterState.RETIRED)
    nora, article = make_colleague("nora", "Abnahme"), make_article()
    for newsletter in (own, english, retired):
        NewsletterAccess.objects.create(user=nora, newsletter=newsletter)
    Mark.objects.create(newsletter=foreign, article=article, note="Geheim", marked_at=article.first_seen_at)
    client = browser(nora)

    page = client.get(page_of(article)).text
    answers = [client.post(page_of(article), {"newsletter": each.pk}) for each in (foreign, english, retired)]

    offered = [each.name for each in Newsletter.objects.all() if f'value="{each.pk}"' in page]
    assert offered == ["Morgenpost"]
    assert "Geheim" not in page
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    for answer in answers:
        assert "Only a newsletter in the article&#x27;s language that goes on can take it" in answer.text
    assert Mark.objects.count() == 1


def test_a_second_mark_takes_the_place_of_the_first_and_opens_a_settled_one() -> None:
    newsletter, article = make_newsletter(), make_article()
    Mark.objects.create(
        newsletter=newsletter,
        article=article,
        note="Alt",
        marked_at=article.first_seen_at,
        dismissed_at=article.first_seen_at,
    )

    browser(make_colleague("nora", "Abnahme")).post(
        page_of(article), {"newsletter": newsletter.pk, "note": "Neu"}
    )

    mark = Mark.objects.get()
    assert (mark.note, mark.dismissed_at) == ("Neu", None)


@pytest.mark.parametrize("values", [{"language": "en"}, {"state": NewsletterState.RETIRED}])
def test_no_mark_is_made_where_nobody_would_see_it(values: dict[str, str]) -> None:
    with pytest.raises(MarkRefused):
        marking.mark(
            make_article(), make_newsletter(**values), note="", by=make_colleague("nora"), at=clock.now()
        )

    assert not Mark.objects.exists()


def test_an_article_that_is_not_there_has_no_page() -> None:
    assert (
        browser(make_colleague("nora", "Abnahme")).get("/admin/digests/digest/marks/404/").status_code == 404
    )
