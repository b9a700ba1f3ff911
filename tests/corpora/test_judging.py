"""Who judges is judged: a case that should be wrong is called wrong."""

from pathlib import Path

import pytest

from tests.corpora import addresses, exports
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


@pytest.mark.parametrize(
    ("valid", "invalid", "holds", "said"),
    [
        (100, 100, True, "valid 100/100"),
        (99, 100, True, "valid 99/100"),
        (98, 100, False, "valid 98/100 BELOW 99%"),
        (100, 99, False, "invalid 99/100 BELOW 100%"),
    ],
)
def test_each_kind_of_address_has_an_aim_of_its_own(
    valid: int, invalid: int, holds: bool, said: str, tmp_path: Path
) -> None:
    good, bad, refused = "ann@example.net\n", "ann@@example.net\n", 'ann@[192.0.2.1]\n"a b"@example.net\n'
    (tmp_path / "a_valid.txt").write_text(good * valid + bad * (100 - valid) + refused * 500)
    (tmp_path / "a_invalid.txt").write_text(bad * invalid + good * (100 - invalid))

    tally = addresses.run(tmp_path)

    assert tally.holds() is holds
    assert said in tally.extra
    assert "refused by policy 1000/1000" in tally.extra


@pytest.mark.django_db
@pytest.mark.parametrize(("line", "holds"), [("ann@example.net,", True), ("broken,", False)])
def test_one_export_that_is_not_taken_fails_them_all(line: str, holds: bool, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"good-{number}.csv").write_text("email,name\nann@example.net,Ann\n")
    (tmp_path / "odd.csv").write_text(f"email,name\n{line}\n")

    assert exports.run(tmp_path).holds() is holds
