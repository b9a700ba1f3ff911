"""MAIL_PROVIDERS as people write it, and the sentence they get when it is wrong."""

import os

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from newsroom.mail import providers
from newsroom.mail.errors import BadMail, BadProviderUrl, UnknownProvider
from newsroom.mail.provider_urls import parse
from newsroom.mail.refusing import EmailBackend


def test_several_providers_stand_side_by_side() -> None:
    first, second = parse(
        "main=mailgun://KEY@mg.example.org?region=eu&rate=300/s,"
        "spare=smtp://user:p%40s%2Cs@mail.example.org:587?tls=start&rate=6000/m"
    )

    assert (first.name, first.scheme, first.username, first.host) == (
        "main",
        "mailgun",
        "KEY",
        "mg.example.org",
    )
    assert (first.options, first.rate) == ({"region": "eu"}, 300)
    assert (second.username, second.password, second.host, second.port) == (
        "user",
        "p@s,s",
        "mail.example.org",
        587,
    )
    assert second.rate == 100


def test_common_options_are_read_for_every_kind() -> None:
    [config] = parse(
        "news=unisender_go://KEY@?api_url=https://go.example.org/en/&webhook=aaaaaaaaaaaaaaaa"
        "&webhook=bbbbbbbbbbbbbbbb&from=desk@example.org"
    )

    assert config.api_url == "https://go.example.org/en/"
    assert config.webhook_secrets == ("a" * 16, "b" * 16)
    assert config.sender == "desk@example.org"
    assert config.rate is None


def test_limits_and_the_one_who_takes_over_are_read() -> None:
    main, spare = parse(
        "main=mailgun://KEY@mg.example.org?family=gmail:20/s&family=gmx:600/m&quota=50000/d&failover=spare,"
        "spare=smtp://mail.example.org"
    )

    assert (main.families, main.quota, main.failover) == ({"gmail": 20, "gmx": 10}, 50_000, "spare")
    assert (spare.families, spare.quota, spare.failover) == ({}, None, "")


def test_secrets_stay_out_of_logs() -> None:
    [config] = parse("main=smtp://user:hush@mail.example.org?webhook=verysecretsecret")

    assert "hush" not in repr(config)
    assert "verysecret" not in repr(config)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("", "must look like name=scheme://"),
        ("smtp://mail.example.org", "must look like name=scheme://"),
        ("Main=smtp://mail.example.org", "must look like name=scheme://"),
        ("main=pigeon://x", "'main' is of a kind we do not know, 'pigeon'"),
        ("main=smtp://mail.example.org:port", "the address of 'main' cannot be read"),
        ("main=smtp://", "'main' names no mail server"),
        ("main=smtp://mail.example.org?tls=maybe", "tls of 'main' must be start, on or off"),
        ("main=smtp://mail.example.org?region=eu", "'main' has an option that smtp does not have, 'region'"),
        ("main=smtp://mail.example.org?rate=fast", "rate of 'main' must look like 300/s"),
        ("main=smtp://mail.example.org?rate=0/s", "rate of 'main' must look like 300/s"),
        ("main=smtp://mail.example.org?family=gmail", "family of 'main' must look like gmail:300/s"),
        ("main=smtp://mail.example.org?family=gmail:0/s", "family of 'main' must look like gmail:300/s"),
        ("main=smtp://mail.example.org?family=fastmail:1/s", "known are gmail, microsoft, yahoo"),
        ("main=smtp://mail.example.org?quota=50000", "quota of 'main' must look like 50000/d"),
        ("main=smtp://mail.example.org?quota=0/d", "quota of 'main' must look like 50000/d"),
        ("main=memory://?failover=other", "failover of 'main' must name another provider in it, 'other'"),
        ("main=memory://?failover=main", "failover of 'main' must name another provider in it, 'main'"),
        ("main=smtp://mail.example.org?per_connection=x", "per_connection of 'main' must be a number"),
        ("main=mailgun://mg.example.org", "'main' has no key"),
        ("main=mailgun://KEY@", "'main' needs the sending domain"),
        ("main=postal://KEY@", "'main' needs api_url"),
        ("main=postmark://KEY@?api_url=ftp://x", "api_url of 'main' must begin with https://"),
        ("main=postmark://KEY@?webhook=short", "the webhook secret of 'main' needs 16"),
        ("a=memory://,a=memory://", "names 'a' twice"),
    ],
)
def test_a_mistake_gets_one_sentence_that_names_the_provider(value: str, sentence: str) -> None:
    with pytest.raises(BadProviderUrl) as wrong:
        parse(value)

    assert sentence in str(wrong.value)
    assert isinstance(wrong.value, ImproperlyConfigured)
    assert "KEY" not in str(wrong.value) or "://KEY@" in str(wrong.value)


def test_a_provider_is_made_once_per_process_and_known_by_name(settings: Settings) -> None:
    settings.MAIL_PROVIDERS = "first=memory://,second=memory://"

    assert providers.default_name() == "first"
    assert providers.provider("second") is providers.provider("second")
    assert providers.provider("first") is not providers.provider("second")
    assert providers.provider("second").name == "second"
    with pytest.raises(UnknownProvider):
        providers.provider("third")


def test_a_process_that_was_forked_makes_its_own(settings: Settings) -> None:
    settings.MAIL_PROVIDERS = "forked=memory://"
    parents = providers.provider("forked")

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"1" if providers.provider("forked") is parents else b"0")
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 1) == b"0"
    os.close(reading)
    os.close(writing)


def test_nothing_is_mailed_past_us() -> None:
    with pytest.raises(BadMail):
        EmailBackend().send_messages([])
