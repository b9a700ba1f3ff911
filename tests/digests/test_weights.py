"""Weights of a newsletter: stored where they differ, refused where they make no sense."""

import pytest
from django.utils import translation

from digests import weights
from digests.plan_forms import weight_field
from digests.weights import DEFAULTS, BadWeights, Weights


def test_only_what_differs_is_stored_and_reads_back() -> None:
    own = Weights(half_life_hours=24, picture=0.3)

    assert weights.changed(own) == {"half_life_hours": 24, "picture": 0.3}
    assert weights.read(weights.changed(own)) == own
    assert weights.read({}) == DEFAULTS


@pytest.mark.parametrize(
    "stored",
    [
        {"loud": 1},
        {"fresh": -0.1},
        {"fresh": 2.5},
        {"half_life_hours": 0},
        {"fresh": "1"},
        {"fresh": True},
        [1],
    ],
)
def test_unknown_names_and_values_out_of_range_are_refused(stored: object) -> None:
    with pytest.raises(BadWeights):
        weights.read(stored)  # type: ignore[arg-type]


def test_numbers_are_written_as_the_language_writes_them() -> None:
    with translation.override("de"):
        assert [weights.in_words(number) for number in (0.5, 2.0, 72, 0.35)] == ["0,5", "2", "72", "0,35"]
        assert "0,15" in weight_field("trust").help_text
    with translation.override("en"):
        assert weights.in_words(0.5) == "0.5"


def test_no_number_is_no_weight() -> None:
    with pytest.raises(BadWeights):
        weights.read({"fresh": float("nan")})
