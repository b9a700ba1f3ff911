"""Long words get places to break, short ones and other languages stay as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsroom.web.hyphens import LONGEST_WHOLE, SOFT_HYPHEN, soften


def test_a_long_compound_may_break_where_german_breaks_it() -> None:
    text = soften("Die Straßenbeleuchtungsfernüberwachungsanlage meldet sich", "de")

    assert text.replace(SOFT_HYPHEN, "|") == (
        "Die Stra|ßen|be|leuch|tungs|fern|über|wa|chungs|an|lage meldet sich"
    )


@given(text=st.text(), language=st.sampled_from(["de", "en", "de-AT", "xx", ""]))
def test_only_soft_hyphens_are_added(text: str, language: str) -> None:
    assert soften(text, language).replace(SOFT_HYPHEN, "") == text.replace(SOFT_HYPHEN, "")


@pytest.mark.parametrize("word", ["Fähre", "W" * LONGEST_WHOLE, "1234567890123456789012", "A-B_C" * 6])
def test_what_fits_or_is_no_word_stays_whole(word: str) -> None:
    assert soften(word, "de") == word


def test_a_language_without_rules_stays_as_it_is() -> None:
    assert (
        soften("Straßenbeleuchtungsfernüberwachungsanlage", "xx")
        == "Straßenbeleuchtungsfernüberwachungsanlage"
    )
