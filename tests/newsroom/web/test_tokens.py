"""Links in mails: what opens them, what does not, and for how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from newsroom.mail.addresses import address_hash
from newsroom.web import tokens
from newsroom.web.errors import BadToken
from newsroom.web.tokens import TokenKind

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
KINDS = st.sampled_from(TokenKind)


@given(kind=KINDS, number=st.integers(min_value=0, max_value=2**48 - 1))
def test_a_token_tells_its_number_to_its_own_purpose(kind: TokenKind, number: int) -> None:
    token = tokens.make(kind, number)

    assert tokens.read(kind, token) == number
    assert len(token) == (23 if kind in (TokenKind.DELIVERY, TokenKind.APPROVAL) else 20)
    assert set(token) <= set(ALPHABET)


def test_a_delivery_number_uses_all_of_its_eight_bytes() -> None:
    number = 2**63 - 1

    assert tokens.read(TokenKind.DELIVERY, tokens.make(TokenKind.DELIVERY, number)) == number


@pytest.mark.parametrize("kind", TokenKind)
def test_any_other_character_anywhere_makes_the_token_bad(kind: TokenKind) -> None:
    token = tokens.make(kind, 123_456_789)

    for position, character in enumerate(token):
        for other in set(ALPHABET) - {character}:
            with pytest.raises(BadToken):
                tokens.read(kind, token[:position] + other + token[position + 1 :])


@pytest.mark.parametrize("kind", TokenKind)
@pytest.mark.parametrize("other", TokenKind)
def test_a_token_of_one_kind_opens_nothing_of_another(kind: TokenKind, other: TokenKind) -> None:
    token = tokens.make(kind, 7)

    if kind is other:
        assert tokens.read(other, token) == 7
    else:
        with pytest.raises(BadToken):
            tokens.read(other, token)


@given(text=st.text(max_size=40))
def test_whatever_else_stands_in_a_link_is_a_bad_token(text: str) -> None:
    with pytest.raises(BadToken):
        tokens.read(TokenKind.LEAVE, text)


@pytest.mark.parametrize("spoil", ["{}=", "{}==", "={}", "{} ", "{}\n", "{}A", " {}", "{}."])
def test_only_one_spelling_of_a_token_is_accepted(spoil: str) -> None:
    with pytest.raises(BadToken):
        tokens.read(TokenKind.LEAVE, spoil.format(tokens.make(TokenKind.LEAVE, 5)))


def test_an_old_link_lives_on_when_a_new_key_signs(settings: Settings) -> None:
    settings.LINK_KEYS = {1: b"a" * 32}
    old = tokens.make(TokenKind.LEAVE, 5)

    settings.LINK_KEYS = {1: b"a" * 32, 2: b"b" * 32}
    new = tokens.make(TokenKind.LEAVE, 5)

    assert new != old
    assert tokens.read(TokenKind.LEAVE, old) == tokens.read(TokenKind.LEAVE, new) == 5
    settings.LINK_KEYS = {1: b"a" * 32}
    with pytest.raises(BadToken):
        tokens.read(TokenKind.LEAVE, new)


def test_a_key_under_a_used_number_does_not_sign_for_its_predecessor(settings: Settings) -> None:
    settings.LINK_KEYS = {1: b"a" * 32}
    old = tokens.make(TokenKind.LEAVE, 5)

    settings.LINK_KEYS = {1: b"c" * 32}

    with pytest.raises(BadToken):
        tokens.read(TokenKind.LEAVE, old)


def test_many_tokens_are_the_same_as_single_ones() -> None:
    numbers = [3, 1, 2**40]

    assert tokens.make_many(TokenKind.DELIVERY, numbers) == [
        tokens.make(TokenKind.DELIVERY, number) for number in numbers
    ]


def test_links_of_many_are_those_of_each() -> None:
    numbers = [7, 1, 2**40]

    assert tokens.leave_urls(numbers) == [tokens.leave_url(number) for number in numbers]
    assert [
        tokens.read(TokenKind.LEAVE, url.rpartition("/")[2]) for url in tokens.leave_urls(numbers)
    ] == numbers


def test_a_settings_link_holds_a_subscription_and_a_mark_of_the_address() -> None:
    hashes = [address_hash(f"reader{number}@example.org") for number in range(3)]
    wanted = list(zip([7, 1, 2**36 - 1], hashes, strict=True))

    urls = tokens.manage_urls(wanted)

    assert urls == [tokens.manage_url(number, known) for number, known in wanted]
    held = [tokens.read_manage(url.rstrip("/").rpartition("/")[2]) for url in urls]
    assert held == [(number, tokens.address_mark(known)) for number, known in wanted]
    assert len({mark for _number, mark in held} - {0}) == 3
    with pytest.raises(OverflowError):
        tokens.manage_url(2**36, hashes[0])


def test_a_settings_link_from_before_addresses_counted_has_no_mark() -> None:
    assert tokens.read_manage(tokens.make(TokenKind.MANAGE, 7)) == (7, 0)


def test_links_are_absolute_and_short() -> None:
    assert tokens.leave_url(2**40).startswith("https://news.example.org/u/")
    assert len(tokens.leave_url(2**40)) <= 75
    assert tokens.manage_url(1, "0" * 64).startswith("https://news.example.org/preferences/")
    assert tokens.manage_url(1, "0" * 64).endswith("/")
    assert tokens.link_url(1).startswith("https://news.example.org/r/")


def test_a_secret_token_has_128_bits_and_is_kept_only_as_a_hash() -> None:
    secrets = {tokens.secret_token() for _each in range(100)}

    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {22}
    secret = secrets.pop()
    assert tokens.hash_secret(secret) == tokens.hash_secret(secret)
    assert secret not in tokens.hash_secret(secret)
    assert len(tokens.hash_secret("\ud800")) == 64


def test_start_is_that_of_all_tokens_of_a_mailings_copies_and_of_no_others() -> None:
    first = 77 << 32
    (start,) = tokens.starts(TokenKind.DELIVERY, first)

    within = tokens.make_many(TokenKind.DELIVERY, [first, first + 1, first + (1 << 30) - 1])
    beyond = tokens.make_many(TokenKind.DELIVERY, [first - 1, first + (1 << 32)])

    assert all(token.startswith(start) for token in within)
    assert not any(token.startswith(start) for token in beyond)
