"""A text's language is told by its smallest words."""

import pytest

from newsroom.articles import languages


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("Die Fähre legt wieder ab, und der Wirt ist froh darüber.", "de"),
        ("The ferry leaves again, and the landlord is glad of it.", "en"),
        ("Lorem ipsum dolor sit amet", "fr"),
        ("The Kran und the Kai und", "fr"),
        ("", "fr"),
    ],
)
def test_german_and_english_are_told_apart_and_else_the_default_holds(said: str, language: str) -> None:
    assert languages.guess(said, "fr") == language


@pytest.mark.parametrize(
    ("value", "language"),
    [("de-AT", "de"), ("EN_us", "en"), (" de ", "de"), ("Deutsch", ""), (None, ""), (7, "")],
)
def test_a_stated_language_is_read_by_its_main_part(value: object, language: str) -> None:
    assert languages.stated(value) == language
