"""The catalogue: newsletters by theme, each with what it promises, when it comes and how long it takes to read."""

import re

import pytest

from subscriptions.states import NewsletterState
from tests.factories import make_newsletter
from tests.subscriptions.factories import fresh_client

pytestmark = pytest.mark.django_db


def outline() -> list[str]:
    """The headings of the page, in their order: themes and names of newsletters."""
    page = fresh_client().get("/newsletters/").content.decode()
    return re.findall(r'<(h[23] class="(?:section|card)-title"[^>]*>[^<]*)</h', page)


def test_newsletters_stand_together_by_theme_in_their_own_order() -> None:
    for position, (name, theme) in enumerate(
        [("Rathaus", "Stadt"), ("Sterne", "Wissen"), ("Brücken", "Stadt")], start=1
    ):
        make_newsletter(name=name, theme=theme, position=position)

    assert outline() == [
        'h2 class="section-title" lang="de">Stadt',
        'h3 class="card-title">Rathaus',
        'h3 class="card-title">Brücken',
        'h2 class="section-title" lang="de">Wissen',
        'h3 class="card-title">Sterne',
    ]


def test_without_a_theme_the_name_is_the_heading() -> None:
    make_newsletter(name="Rathaus", theme="")

    assert outline() == ['h2 class="card-title">Rathaus']


def test_each_says_what_it_promises_when_it_comes_and_how_long_it_takes_in_its_own_language() -> None:
    for values in (
        {
            "name": "Rathaus",
            "promise": "Was der Rat beschließt & warum.",
            "cadence_text": "Montag bis Freitag um 6 Uhr",
            "reading_minutes": 7,
        },
        {
            "name": "Harbour",
            "language": "en",
            "promise": "What the tide brings.",
            "cadence_text": "Every Friday",
            "reading_minutes": 1,
        },
    ):
        make_newsletter(**values)

    page = fresh_client().get("/newsletters/").content.decode()

    cards = dict(re.findall(r'<li class="card" lang="(\w+)">(.*?)</li>', page, re.DOTALL))
    assert '<p class="card-teaser">Was der Rat beschließt &amp; warum.</p>' in cards["de"]
    assert '<p class="meta">Montag bis Freitag um 6 Uhr · 7 minute read</p>' in cards["de"]
    assert '<p class="card-teaser">What the tide brings.</p>' in cards["en"]
    assert '<p class="meta">Every Friday · 1 minute read</p>' in cards["en"]


def test_only_what_strangers_can_sign_up_for_is_offered() -> None:
    make_newsletter(name="Rathaus")
    make_newsletter(name="Entwurf", state=NewsletterState.DRAFT)
    make_newsletter(name="Ruht", takes_sign_ups=False)

    assert outline() == ['h2 class="card-title">Rathaus']
