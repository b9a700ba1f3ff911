"""Who judges is judged: a case that should be wrong is called wrong."""

from pathlib import Path

import pytest

from tests.corpora.__main__ import reader_of
from tests.corpora.inertness import alive
from tests.corpora.spreadsheets import is_safe
from tests.corpora.tally import Tally, Unjudged
from tests.corpora.unsubscribing import kind


@pytest.mark.parametrize(
    "html",
    [
        "<p><script>x</script></p>",
        "<img src=x onerror=x>",
        "<a href='java\tscript:x'>x</a>",
        "<p style='x'>x</p>",
        "<svg><set/></svg>",
        "<iframe></iframe>",
        "<a href='data:text/html,x'>x</a>",
    ],
)
def test_what_acts_is_seen(html: str) -> None:
    assert alive(html)


def test_what_does_nothing_passes() -> None:
    assert alive('<p>a <a href="https://example.org/">b</a> <a href="/c?d=e:f">g</a> script</p>') == ""
    assert alive("") == ""


def _fail() -> bool:
    raise KeyError("x")


def _lack() -> bool:
    raise Unjudged("needs a package")


def test_a_crash_and_a_share_below_the_aim_fail() -> None:
    good, low, broken = Tally(aim=0.5), Tally(aim=0.6), Tally(aim=0.0)
    for tally in (good, low):
        tally.judge("a", bool, 1)
        tally.judge("b", bool, 0)
        tally.judge("c", _lack)
    broken.judge("d", _fail)

    assert good.holds()
    assert (good.right, good.wrong, good.crashed, good.unjudged) == (1, 1, 0, 1)
    assert not low.holds()
    assert not broken.holds()
    assert not Tally().holds()


@pytest.mark.parametrize(
    ("folder", "reader"),
    [
        ("bounce-one", "bounces"),
        ("bounce-two", "bounces"),
        ("list-unsubscribe", "unsubscribing"),
        ("exports", "exports"),
        ("README.md", None),
    ],
)
def test_a_folder_is_known_by_its_shape(folder: str, reader: str | None) -> None:
    assert reader_of(Path(folder)) == reader


def test_formulas_and_header_pairs_are_judged() -> None:
    assert is_safe("=1+1")
    assert kind("<mailto:a@example.org>, <https://example.org/u>", "List-Unsubscribe=One-Click") == "OneClick"
    assert kind("<http://example.org/u>", "List-Unsubscribe=One-Click") == "HttpLink"
