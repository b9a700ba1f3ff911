"""The labelled set, and the command that measures with it."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from newsroom.articles import labelled

SETS = Path(__file__).parent / "clusters"


def _pieces(name: str) -> list[labelled.Piece]:
    return labelled.read((SETS / name).read_text("utf-8"))


def test_the_set_is_as_large_as_it_says() -> None:
    pieces = [*_pieces("tuned.txt"), *_pieces("held.txt")]
    events = [piece.event for piece in pieces if not piece.event.startswith("alone-")]

    assert len(pieces) >= 120
    assert len(set(events)) >= 40
    assert all(events.count(event) >= 2 for event in events)


@pytest.mark.parametrize("name", ["held.txt", "tuned.txt"])
def test_events_are_found_with_precision_and_recall(name: str) -> None:
    measured = labelled.measure(_pieces(name))

    assert measured.labelled > 20
    assert measured.precision >= 0.95, [(one.title, other.title) for one, other in measured.wrong]
    assert measured.recall >= 0.8, [(one.title, other.title) for one, other in measured.missed]


def test_both_halves_in_one_newsroom_are_told_apart_as_well() -> None:
    halves = {name: _pieces(name) for name in ("held.txt", "tuned.txt")}
    measured = labelled.measure(
        [
            labelled.Piece(
                event=f"{name} {piece.event}", title=piece.title, text=piece.text, url="", at=piece.at
            )
            for name, pieces in halves.items()
            for piece in pieces
        ]
    )

    assert (measured.precision >= 0.95, measured.recall >= 0.8) == (True, True)


def test_the_command_prints_both_and_fails_below_the_least(tmp_path: Path) -> None:
    file = tmp_path / "set.txt"
    file.write_text(
        "== one\n-- 2026-05-04T08:00 Die Fähre fährt\nSie fuhr nach Lindenufer.\n"
        "-- 2026-05-04T09:00 Orgelkonzert am Abend\nEs spielt Veit Lausch.\n",
        "utf-8",
    )
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("check_clusters", str(file), stdout=out, verbosity=2)

    assert "precision 1.000, recall 0.000" in out.getvalue()
    assert "missed: Die Fähre fährt | Orgelkonzert am Abend" in out.getvalue()
    call_command("check_clusters", str(file), "--recall=0", stdout=out)


def test_a_line_that_is_neither_is_named() -> None:
    with pytest.raises(labelled.NotLabelled, match="2: -- gestern"):
        labelled.read("== one\n-- gestern Etwas")
