"""The mail itself, as a browser engine draws it: its words stand out, in light and in dark, and nothing is too wide."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from digests.composer.previews import sample
from digests.models import Digest
from digests.rendering import render
from newsroom.articles.states import Origin, Review
from tests.digests.factories import make_ready
from tests.factories import make_article, make_author, make_pick

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RULES = ("color-contrast", "link-in-text-block", "link-name", "image-alt", "html-has-lang", "document-title")


def make_full() -> Digest:
    """A digest with each thing that a mail can show and that has a colour of its own."""
    author = make_author(name="Jonas Ufermann", role_de="Redaktion")
    digest = make_ready(note="Guten **Morgen** vom [Kran](https://news.example.org/kran/).", note_author=author, is_automatic=True)  # fmt: skip
    for position in range(2):
        make_pick(digest=digest, slot="more", position=position)
    make_pick(
        digest=digest,
        slot="briefs",
        label="update",
        article=make_article(origin=Origin.USER_SUBMISSION, review=Review.REVIEWED),
    )
    make_pick(
        digest=digest, slot="more", article=make_article(picture_is_illustration=True, authors=(author,))
    )
    return Digest.objects.with_frame().get(pk=digest.pk)


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 640])
def test_a_digest_has_contrast_and_fits(
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
    width: int,
    color_scheme: str,
) -> None:
    digest = make_full()
    html, _text = sample(digest, render(digest))
    page = open_page(width=width, color_scheme=color_scheme)

    page.set_content(html)

    assert page.locator(".label").count() >= 3
    fits(page)
    axe(page, only=RULES)
