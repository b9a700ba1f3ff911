"""A publisher's server for the tests that fetch; sentences are compared in the language they are written in."""

from collections.abc import Iterator

import pytest
from django.utils.translation import override

from tests.newsroom.articles.publisher import Publisher, serving


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with override("en"):
        yield
