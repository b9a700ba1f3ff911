"""Finished cards and rows are shown again only where nothing of what they show has changed."""

from pathlib import Path
from typing import Any

import pytest
from django.db.models import Field, Model
from django.http import QueryDict
from django.template import Template
from django.test.signals import template_rendered
from django.utils import translation
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.utils.translation import get_language
from pytest_django.fixtures import Settings

from digests.composer import cards, rows
from digests.composer.saves import PickPart
from digests.models import Digest, Pick
from digests.stories import with_stories
from newsroom.articles.models import Article, Feed, Picture
from tests.factories import make_article, make_digest, make_newsletter, make_pick
from tests.newsroom.articles.factories import make_feed, make_picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def pick(tmp_path: Path, settings: Settings) -> Pick:
    settings.MEDIA_ROOT = tmp_path
    article = make_article(title="Die Fähre fährt wieder", picture=make_picture(), feed=make_feed())
    return make_pick(digest=make_digest(newsletter=make_newsletter()), article=article)


def card(pick: Pick, **values: Any) -> str:
    stored = with_stories(Pick.objects.filter(pk=pick.pk)).get()
    slots = Digest.objects.get(pk=pick.digest_id).slots
    part = PickPart(pick=stored, slot=stored.slot, place=1, slots=slots, pictures=[], **values)
    return cards.write(part, [], is_editable=True)


def fields(model: type[Model]) -> list[Field[Any, Any]]:
    return [
        field
        for field in model._meta.concrete_fields
        if not field.primary_key and not field.is_relation and field.name != "body_html"
    ]


def another(field: Field[Any, Any], value: Any) -> Any:
    if field.choices:
        return next(choice for choice, _name in reversed(field.flatchoices) if choice != value)
    match field.get_internal_type():
        case "BooleanField":
            return not value
        case "DateTimeField":
            return now()
        case "JSONField":
            return {"title": "Anders"} if isinstance(value, dict) else ["Anders"]
        case kind if "Integer" in kind or kind == "FloatField":
            return (value or 0) + 1
        case _:
            return f"{value or ''}x"


@pytest.mark.parametrize("model", [Pick, Article, Picture, Feed])
def test_a_kept_card_is_what_a_fresh_one_would_be(model: type[Model], pick: Pick) -> None:
    article = pick.article
    keys = {Pick: pick.pk, Article: article.pk, Picture: article.picture_id, Feed: article.feed_id}
    record = model._default_manager.filter(pk=keys[model])
    for field in fields(model):
        card(pick)  # kept from now on
        record.update(**{field.name: another(field, record.values_list(field.name, flat=True).get())})

        shown = card(pick)

        cards._kept.clear()
        assert shown == card(pick), field.name


def test_a_card_is_written_once_and_again_for_another_language(pick: Pick) -> None:
    cards._kept.clear()
    written: list[str] = []

    def note(template: Template, **_told: Any) -> None:
        if template.name == "admin/digests/digest/pick.html":
            written.append(get_language() or "")

    template_rendered.connect(note, weak=False)
    try:
        for language in ("de", "de", "en", "de"):
            with translation.override(language):
                card(pick)
    finally:
        template_rendered.disconnect(note)

    assert written == ["de", "en"]


def test_what_somebody_typed_is_shown_and_not_kept(pick: Pick) -> None:
    stored = card(pick)
    typed = QueryDict(f"pick-{pick.pk}-slot=lead&pick-{pick.pk}-title=Die+F%C3%A4hre+ruht")

    assert "Die Fähre ruht" in card(pick, data=typed)
    assert card(pick) == stored


def test_a_title_cannot_carry_the_place_of_the_forms() -> None:
    row = rows.Row(
        article=1,
        title="<!-- each form -->",
        meta="",
        score="1,00",
        reasons=(),
        has_unsaid_picture=False,
        held_back="",
        taken="",
        labels=(),
        sent=(),
        also=(),
        marked="",
        note="",
    )
    around = rows.around(
        make_digest(newsletter=make_newsletter()), may_mark=True, slot_options=SafeString("")
    )

    html = rows.write([row], around, each_form="<b>form</b>")

    assert html.count("<b>form</b>") == 2
    assert "&lt;!-- each form --&gt;" in html
