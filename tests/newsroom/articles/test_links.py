"""One page reached two ways is one page."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsroom.articles import links


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://a.example.org/x?utm_source=n&id=5&fbclid=Z", "https://a.example.org/x?id=5"),
        ("https://a.example.org/x?gclid=1", "https://a.example.org/x"),
        ("HTTPS://a.example.org/x?b=%20&a=1+2#teil", "https://a.example.org/x?b=%20&a=1+2#teil"),
        ("ftp://a.example.org/x", ""),
        ("javascript:alert(1)", ""),
        ("https://[::1", ""),
        ("/nur/ein/pfad", ""),
    ],
)
def test_click_ids_go_and_the_rest_stays_as_it_was(url: str, clean: str) -> None:
    assert links.without_tracking(url) == clean


def test_a_place_has_no_scheme_no_www_no_fragment_and_no_last_slash() -> None:
    assert links.place("https://www.a.example.org/x/?id=5&utm_medium=m#c") == "//a.example.org/x?id=5"
    assert links.place("http://a.example.org/x?id=5") == "//a.example.org/x?id=5"
    assert links.path_of("https://a.example.org/x/y/") == "/x/y"
    assert links.path_of("https://a.example.org/") == ""


@pytest.mark.parametrize(
    ("url", "other", "are_one"),
    [
        ("https://www.example.org/feed", "http://example.org:8080/x?y", True),
        ("https://feeds.example.org/all", "https://www.example.org/x", True),
        ("https://example.org?feed", "https://EXAMPLE.org/x", True),
        ("https://anexample.org/", "https://example.org/", False),
        ("https://example.org.example.net/", "https://example.org/", False),
        ("https://example.net/example.org", "https://example.org/", False),
        ("https://example.org@example.net/", "https://example.org/", False),
        ("", "", False),
        ("https://example.org/", "", False),
    ],
)
def test_addresses_are_of_one_site_where_their_hosts_are(url: str, other: str, are_one: bool) -> None:
    assert links.are_one_site(url, other) is are_one
    assert links.are_one_site(other, url) is are_one


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=40))
def test_no_address_makes_it_stumble(url: str, base: str) -> None:
    for made in (
        links.without_tracking(url),
        links.absolute(url, base),
        links.absolute(url, "https://a.example.org/"),
    ):
        assert made == "" or made.startswith(("http://", "https://"))
    assert links.place(url) == "" or links.place(url).startswith("//")


@settings(deadline=None)
@given(st.text(min_size=1, max_size=500))
def test_an_identity_fits_the_database(guid: str) -> None:
    assert len(links.identity("guid", guid)) <= 300
