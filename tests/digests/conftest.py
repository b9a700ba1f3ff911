"""What tests of digests share."""

from collections.abc import Iterator

import pytest
from django.utils import translation


@pytest.fixture
def in_english() -> Iterator[None]:
    """For tests that read a sentence: whatever catalogues are compiled, it is the one in the source."""
    with translation.override("en"):
        yield
