"""Fetching what strangers point us to: where it may not lead, and what it may not cost."""

import gzip
import socket
import threading
import time
import tracemalloc
import zlib

import pytest

from newsroom.web.errors import (
    BadAddress,
    FetchError,
    PrivateAddress,
    RefusedByServer,
    TooLarge,
    TooManyRedirects,
    TooSlow,
    UnknownName,
    Unreachable,
)
from newsroom.web.fetching import Fetched, fetch, status_of
from newsroom.web.guard import is_public
from tests.newsroom.http_server import HANG_UP, Answer, Asked, WebServer, web_server


def _fetch(server: WebServer, path: str = "/", **options: object) -> Fetched:
    return fetch(f"{server.url}{path}", accept="text/html", allow=server.allow, **options)  # type: ignore[arg-type]


def test_an_answer_comes_with_its_body_and_headers() -> None:
    with web_server(lambda asked: Answer(body=b"hello", headers={"ETag": '"1"'})) as server:
        answer = _fetch(server, "/feed#part")

    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"hello", '"1"')
    assert answer.url == f"{server.url}/feed"
    assert answer.permanent_url == ""
    [asked] = server.asked
    assert asked.headers["accept"] == "text/html"
    assert asked.headers["user-agent"] == "Newsroom (+https://news.example.org)"
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"


def test_what_we_have_already_is_not_sent_again() -> None:
    with web_server(lambda asked: Answer(status=304)) as server:
        answer = _fetch(server, etag='"1"', last_modified="Sun, 22 Nov 2026 06:00:00 GMT\r\nX: y")

    assert answer.is_unchanged
    assert answer.body == b""
    assert server.asked[0].headers["if-none-match"] == '"1"'
    assert server.asked[0].headers["if-modified-since"] == "Sun, 22 Nov 2026 06:00:00 GMTX: y"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "017700000001",
        "127.1",
        "0",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ],
)
def test_no_spelling_of_our_own_machine_is_fetched(host: str) -> None:
    with (
        web_server(lambda asked: Answer(body=b"secret")) as server,
        pytest.raises((PrivateAddress, Unreachable, BadAddress)),
    ):
        fetch(f"http://{host}:{server.port}/", accept="*/*", seconds=3)

    assert server.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("feff::1", False),
        ("192.0.0.1", False),
        ("192.0.0.8", False),
        ("192.0.0.254", False),
        ("192.0.1.1", True),
        ("::ffff:192.0.0.8", False),
        ("ff02::1", False),
        ("::", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::10.0.0.1", False),
        ("2002:a00:1::", False),
        ("nonsense", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_redirect_cannot_lead_into_our_network() -> None:
    def script(asked: Asked) -> Answer:
        return Answer(status=302, headers={"Location": f"http://localhost:{inner.port}/admin"})

    with web_server(lambda asked: Answer(body=b"secret")) as inner, web_server(script) as outer:
        with pytest.raises(PrivateAddress) as refused:
            _fetch(outer)

        assert inner.asked == []
    assert refused.value.url == f"http://localhost:{inner.port}/admin"
    assert not refused.value.may_pass


def test_a_name_is_looked_up_once_and_the_judged_address_is_connected_to() -> None:
    # The name is known to our resolver alone: a second look-up by anybody would fail or lead elsewhere.
    looked_up = []

    def resolve(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    with web_server(lambda asked: Answer(body=b"here")) as server:
        url = f"http://rebind.example.org:{server.port}/"
        answer = fetch(url, accept="*/*", allow=server.allow, resolve=resolve)

    assert answer.body == b"here"
    assert looked_up == ["rebind.example.org"]
    assert server.asked[0].headers["host"] == f"rebind.example.org:{server.port}"


def test_a_name_that_changes_its_address_on_the_way_is_judged_again() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])

    def script(asked: Asked) -> Answer:
        location = f"http://rebind.example.org:{server.port}/inside"
        return Answer(status=302, headers={"Location": location, "Connection": "close"})

    with web_server(script) as server:
        with pytest.raises(PrivateAddress):
            fetch(
                f"http://rebind.example.org:{server.port}/",
                accept="*/*",
                allow=server.allow,
                resolve=lambda host, port: next(answers),
            )

        assert [asked.path for asked in server.asked] == ["/"]


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(PrivateAddress):
        fetch(
            "http://mixed.example.org/",
            accept="*/*",
            resolve=lambda host, port: ["93.184.216.34", "10.0.0.1"],
        )


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "http://user:password@example.org/",
        "http://",
        "//example.org/",
        "example.org",
        "http://exa mple.org/",
        "http://example.org:99999/",
        "",
    ],
)
def test_only_plain_web_addresses_are_fetched(url: str) -> None:
    with pytest.raises(FetchError) as refused:
        fetch(url, accept="*/*", seconds=1, resolve=lambda host, port: [])

    assert isinstance(refused.value, BadAddress)
    assert str(refused.value).endswith(".")
    assert "password@" not in str(refused.value)


def test_redirects_are_followed_and_a_move_for_good_is_told() -> None:
    def script(asked: Asked) -> Answer:
        match asked.path:
            case "/old":
                return Answer(status=301, headers={"Location": "/new"})
            case "/new":
                return Answer(status=302, headers={"Location": "today"})
            case _:
                return Answer(body=b"here")

    with web_server(script) as server:
        answer = _fetch(server, "/old")

    assert answer.body == b"here"
    assert answer.url == f"{server.url}/today"
    assert answer.permanent_url == f"{server.url}/new"


def test_a_passing_redirect_before_a_permanent_one_moves_nothing() -> None:
    def script(asked: Asked) -> Answer:
        if asked.path == "/a":
            return Answer(status=302, headers={"Location": "/b"})
        return Answer(status=308, headers={"Location": "/c"}) if asked.path == "/b" else Answer()

    with web_server(script) as server:
        assert _fetch(server, "/a").permanent_url == ""


def test_a_circle_of_redirects_ends() -> None:
    with web_server(lambda asked: Answer(status=307, headers={"Location": "/again"})) as server:
        with pytest.raises(TooManyRedirects):
            _fetch(server)

        assert len(server.asked) == 6


def test_a_small_answer_does_not_unfold_into_a_large_one() -> None:
    packed = Answer(body=gzip.compress(b"\0" * 50_000_000), headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        with web_server(lambda asked: packed) as server, pytest.raises(TooLarge):
            _fetch(server, max_bytes=1_000_000)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 15_000_000


def test_what_follows_a_packed_answer_is_not_kept() -> None:
    packed = Answer(body=gzip.compress(b"hello") + b"\0" * 20_000_000, headers={"Content-Encoding": "gzip"})
    with web_server(lambda asked: packed) as server:
        tracemalloc.start()
        try:
            answer = _fetch(server, max_bytes=1_000_000)
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert answer.body == b"hello"
    assert peak < 5_000_000


def test_a_large_answer_is_not_read_to_its_end() -> None:
    with (
        web_server(lambda asked: Answer(body=b"x" * 3_000_000)) as server,
        pytest.raises(TooLarge) as refused,
    ):
        _fetch(server, max_bytes=1_000_000)

    assert str(refused.value) == "The answer is larger than 1000 kB."


@pytest.mark.parametrize(
    ("packed", "coding"),
    [
        (gzip.compress(b"hello" * 100), "gzip"),
        (zlib.compress(b"hello" * 100), "deflate"),
        (zlib.compress(b"hello" * 100)[2:-4], "deflate"),
        (b"hello" * 100, "identity"),
    ],
    # Names of their own: a packed answer holds the second it was packed in, and two workers must agree on names.
    ids=["gzip", "deflate", "raw deflate", "identity"],
)
def test_packed_answers_are_unpacked(packed: bytes, coding: str) -> None:
    with web_server(lambda asked: Answer(body=packed, headers={"Content-Encoding": coding})) as server:
        assert _fetch(server).body == b"hello" * 100


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "gzip"])
def test_what_cannot_be_unpacked_is_an_error(coding: str) -> None:
    packed = Answer(body=b"not packed", headers={"Content-Encoding": coding})
    with web_server(lambda asked: packed) as server, pytest.raises(Unreachable):
        _fetch(server)


@pytest.mark.parametrize(
    "answer", [Answer(body=b"x" * 1000, drip=0.02), Answer(body=b"x", pause=9)], ids=["dripping", "silent"]
)
def test_the_time_limit_holds_for_the_whole_answer(answer: Answer) -> None:
    with web_server(lambda asked: answer) as server:
        begun = time.monotonic()
        with pytest.raises(TooSlow):
            _fetch(server, seconds=0.4)

    assert time.monotonic() - begun < 6


def test_a_header_that_drips_is_left_at_the_deadline_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def drip() -> None:
            connection, _peer = listener.accept()
            with connection:
                connection.recv(65_536)
                try:
                    for character in "HTTP/1.1 200 OK\r\n" + "X-Long: " + "y" * 500:
                        connection.sendall(character.encode())
                        time.sleep(0.02)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        begun = time.monotonic()
        with pytest.raises(TooSlow):
            fetch(
                f"http://127.0.0.1:{port}/", accept="*/*", seconds=0.4, allow=frozenset({f"127.0.0.1:{port}"})
            )

    assert time.monotonic() - begun < 6


@pytest.mark.parametrize("answer", [HANG_UP, Answer(body=b"x" * 100, cut=50)])
def test_an_answer_that_breaks_off_is_no_answer(answer: Answer | None) -> None:
    with web_server(lambda asked: answer) as server, pytest.raises(Unreachable) as failed:
        _fetch(server)

    assert failed.value.may_pass


def test_an_error_tells_its_status_and_how_long_to_wait() -> None:
    busy = Answer(status=429, headers={"Retry-After": "120"})
    with web_server(lambda asked: busy) as server, pytest.raises(RefusedByServer) as refused:
        _fetch(server)

    assert (refused.value.status, refused.value.retry_after) == (429, 120)


def test_an_unknown_name_is_one_clear_sentence() -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror("unknown")

    with pytest.raises(Unreachable) as failed:
        fetch("http://nowhere.example.org/", accept="*/*", resolve=nobody)

    assert str(failed.value) == "The server could not be reached: the name nowhere.example.org is not known."


def test_a_status_is_asked_for_by_head_and_the_body_stays_where_it_is() -> None:
    with web_server(lambda asked: Answer()) as server:
        status = status_of(f"{server.url}/", allow=server.allow)

    assert status == 200
    assert [asked.method for asked in server.asked] == ["HEAD"]


def test_a_server_that_knows_no_head_is_asked_once_more_by_get() -> None:
    with web_server(lambda asked: Answer(status=200 if asked.method == "GET" else 405)) as server:
        status = status_of(f"{server.url}/", allow=server.allow)

    assert status == 200
    assert [asked.method for asked in server.asked] == ["HEAD", "GET"]


def test_a_status_is_that_of_the_end_of_a_chain_of_redirects() -> None:
    def script(asked: Asked) -> Answer:
        is_moved = asked.path == "/old"
        return Answer(status=301, headers={"Location": "/gone"}) if is_moved else Answer(status=410)

    with web_server(script) as server:
        assert status_of(f"{server.url}/old", allow=server.allow) == 410


def test_a_status_is_not_asked_of_a_private_network() -> None:
    with web_server(lambda asked: Answer()) as server, pytest.raises(PrivateAddress):
        status_of(f"{server.url}/")

    assert server.asked == []


@pytest.mark.parametrize(
    ("code", "is_unknown"), [(socket.EAI_NONAME, True), (socket.EAI_AGAIN, False), (socket.EAI_FAIL, False)]
)
def test_a_name_that_does_not_exist_is_told_from_a_name_service_that_is_away(
    code: int, is_unknown: bool
) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(code, "no")

    with pytest.raises(Unreachable) as raised:
        status_of("https://uferblick.de/", resolve=resolve)

    assert isinstance(raised.value, UnknownName) is is_unknown
