"""Two wordings side by side: both can be read off the comparison."""

from hypothesis import given
from hypothesis import strategies as st

from digests.comparing import compare

TEXTS = st.text(alphabet="aäB .,\n–", max_size=40)


@given(before=TEXTS, after=TEXTS)
def test_both_wordings_are_in_the_pieces(before: str, after: str) -> None:
    pieces = compare(before, after)

    assert "".join(piece.text for piece in pieces if piece.kind != "new") == before
    assert "".join(piece.text for piece in pieces if piece.kind != "gone") == after


def test_whole_words_are_compared() -> None:
    pieces = compare("Die Fähre legt ab", "Die Fähre legte um sechs ab")

    assert [(piece.kind, piece.text) for piece in pieces] == [
        ("same", "Die Fähre "),
        ("gone", "legt"),
        ("new", "legte um sechs"),
        ("same", " ab"),
    ]
