"""A scripted provider under the name that the settings give, and a clock that stands still."""

import os
from collections.abc import Callable

import pytest
from django.conf import settings

from newsroom.mail import providers
from tests.digests.delivery.factories import Clock
from tests.digests.delivery.scripted import ScriptedProvider


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[ScriptedProvider], ScriptedProvider]:
    """Puts a provider where the process keeps the one it made."""

    def put(scripted: ScriptedProvider) -> ScriptedProvider:
        key = (os.getpid(), settings.MAIL_PROVIDERS, scripted.name)
        monkeypatch.setitem(providers._made, key, scripted)
        return scripted

    return put


@pytest.fixture
def provider(install: Callable[[ScriptedProvider], ScriptedProvider]) -> ScriptedProvider:
    return install(ScriptedProvider())


@pytest.fixture
def clock() -> Clock:
    return Clock()
