"""The settings' one reader: what it understands, and the sentence it stops with."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from newsroom import environment
from newsroom.environment import Environment, read_dkim_selectors, read_link_keys
from tests.house import ROOT


def test_a_setting_that_is_not_set_has_its_default() -> None:
    assert Environment({}).text("TIME_ZONE") == "Europe/Berlin"
    assert Environment({"TIME_ZONE": "America/New_York"}).zone("TIME_ZONE") == "America/New_York"
    assert Environment({"ALLOWED_HOSTS": " a.example , ,b.example"}).items("ALLOWED_HOSTS") == [
        "a.example",
        "b.example",
    ]


@pytest.mark.parametrize(
    ("value", "means"), [("on", True), ("YES", True), ("1", True), ("off", False), ("", False)]
)
def test_a_flag_is_read_as_people_write_it(value: str, means: bool) -> None:
    assert Environment({"DEBUG": value}).flag("DEBUG") is means


def test_postgres_by_a_socket_keeps_the_folder() -> None:
    read = Environment({"DATABASE_URL": "postgres://newsroom@%2Fvar%2Frun%2Fpostgresql/news"}).database()

    assert (read["HOST"], read["NAME"]) == ("/var/run/postgresql", "news")


def test_keys_are_made_once_for_their_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "VAR", tmp_path)

    first = Environment({}).key("LINK_KEYS", may_make=True)
    second = Environment({}).key("LINK_KEYS", may_make=True)

    assert first == second
    assert list(read_link_keys(first)) == [1]
    assert stat.S_IMODE((tmp_path / "keys" / "link_keys").stat().st_mode) == 0o600


def test_a_key_that_may_not_be_made_must_be_set() -> None:
    with pytest.raises(ImproperlyConfigured, match="ADDRESS_KEY is not set"):
        Environment({}).key("ADDRESS_KEY", may_make=False)


@pytest.mark.parametrize(
    "value", ["", "1", "1:short", "0:" + "k" * 32, "16:" + "k" * 32, "1:" + "k" * 32 + ",1:" + "j" * 32]
)
def test_link_keys_that_would_not_fit_a_link_are_refused(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="LINK_KEYS must look like"):
        read_link_keys(value)


def test_selectors_hold_for_all_domains_or_for_one() -> None:
    assert read_dkim_selectors(["News", "example.org=k1", "example.org=a.b", "s2"]) == {
        "": ("news", "s2"),
        "example.org": ("k1", "a.b"),
    }
    assert read_dkim_selectors([]) == {}


@pytest.mark.parametrize("item", ["k 1", "example.org=", "=", "a=b=c", "example=k1", "k1.", "https://k1"])
def test_a_selector_that_no_name_server_can_know_is_refused(item: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DKIM_SELECTORS must look like"):
        read_dkim_selectors([item])


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DEBUG", "vielleicht", "DEBUG must be on or off"),
        ("SITE_URL", "news.example.org", "SITE_URL must look like"),
        ("SITE_URL", "https://news.example.org/path", "SITE_URL must look like"),
        ("DKIM_SELECTORS", "k 1", "DKIM_SELECTORS must look like"),
        ("TIME_ZONE", "Mars/North", "TIME_ZONE must be a time zone"),
        ("DATABASE_URL", "oracle://x", "DATABASE_URL"),
        ("DATABASE_URL", "postgres://x@127.0.0.1/y", "SECRET_KEY is not set"),
    ],
)
def test_a_start_with_a_bad_setting_stops_with_one_sentence(name: str, value: str, sentence: str) -> None:
    settings = {**os.environ, name: value}
    if sentence.startswith("SECRET_KEY"):
        del settings["SECRET_KEY"]

    start = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )

    assert start.returncode == 1
    assert start.stderr.startswith("Newsroom cannot start: ")
    assert sentence in start.stderr
    assert "Traceback" not in start.stderr


def test_whoever_may_be_led_back_to_may_call_the_api_and_nobody_else() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from newsroom import settings; print(settings.CORS_ALLOWED_ORIGINS)"],
        cwd=ROOT,
        env={**os.environ, "RETURN_SITES": "https://www.example.org,https://shop.example.org:8443"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout == "['https://shop.example.org:8443', 'https://www.example.org']\n"
