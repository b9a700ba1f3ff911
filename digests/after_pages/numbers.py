"""The numbers of a digest that went out: a chart drawn here, and the same numbers in a table."""

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from digests import after_panel, insights
from digests.after_pages.requests import context, sent_digest
from digests.insights import Numbers, StoryNumbers
from newsroom.web import clock

ROW_PIXELS: Final = 52
_LONGEST_LABEL: Final = 34  # as much as fits on a phone beside the number; the table has the whole headline


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A story in the chart. Heights are pixels, widths per cent of the chart, so that its letters never shrink.

    usual: where the mark of the slot's median stands; None if there is none to tell.
    """

    story: StoryNumbers
    label: str
    top: int
    width: float
    usual: float | None

    @property
    def label_y(self) -> int:
        return self.top + 16

    @property
    def bar_y(self) -> int:
        return self.top + 24

    @property
    def mark_top(self) -> int:
        return self.top + 21

    @property
    def mark_bottom(self) -> int:
        return self.top + 43


def numbers(request: HttpRequest, pk: int) -> HttpResponse:
    """GET only. Queries: some 10, whatever the digest's size and the newsletter's past."""
    digest = sent_digest(request, pk)
    found = insights.of_digest(digest, at=clock.now())
    bars = _bars(found)
    shown = {
        **context(request, digest, title=_("Numbers of %(digest)s") % {"digest": digest}),
        "numbers": found,
        "least": insights.LEAST_SHOWN,
        "bars": bars,
        "chart_height": len(bars) * ROW_PIXELS,
        "after": {**(after_panel.panel(request.user, digest) or {}), "numbers_url": ""},
    }
    return TemplateResponse(request, "admin/digests/digest/numbers.html", shown)


def _bars(found: Numbers) -> list[Bar]:
    values = [value for story in found.stories for value in (story.clicks, story.usual) if value]
    scale = 100 / max(values, default=1)
    return [
        Bar(
            story=story,
            label=_label(f"{story.number}. {story.title}"),
            top=place * ROW_PIXELS,
            width=round((story.clicks or 0) * scale, 2),
            usual=round(story.usual * scale, 2) if story.usual else None,
        )
        for place, story in enumerate(found.stories)
    ]


def _label(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1].rstrip()}…"
