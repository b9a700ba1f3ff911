"""Readers are told from machines by what their programs say, and no reader's program is taken for one."""

import pytest

from digests.machines import is_machine

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"

READERS = [
    f"{WINDOWS} {CHROME} Safari/537.36",
    f"{WINDOWS} {CHROME} Safari/537.36 Edg/142.0.0.0",
    f"{WINDOWS} {CHROME} Safari/537.36 Vivaldi/7.5",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.0",
    f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
    f"{IPHONE} Version/18.6 Mobile/15E148 Safari/604.1",
    f"{IPHONE} Mobile/15E148",
    f"{IPHONE} GSA/385.0.810198309 Mobile/15E148 Safari/604.1",
    f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/530.0.0.36.72]",
    "Mozilla/5.0 (Linux; Android 15; SM-S931B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142 Mobile",
    f"Mozilla/5.0 (Linux; Android 11; CUBOT X30) {CHROME} Mobile Safari/537.36",
    "Opera/9.80 (Android; Opera Mini/36.2/191.308; U; de) Presto/2.12.423 Version/12.16",
]
MACHINES = [
    "",
    "curl/8.5.0",
    "python-requests/2.32.3",
    "Go-http-client/2.0",
    "WhatsApp/2.23.20.0",
    "TelegramBot (like TwitterBot)",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.12026; Pro)",
    "Mozilla/5.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    f"{WINDOWS} {CHROME} Safari/537.36 BingPreview/1.0b",
    f"{WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36",
    f"{MAC} {CHROME} Safari/537.36 Barracuda Sentinel (EE)",
    f"{MAC} {CHROME} Safari/537.36 (+https://probe.example/about)",
]


@pytest.mark.parametrize("agent", READERS)
def test_a_reader_s_program_is_no_machine(agent: str) -> None:
    assert not is_machine("GET", {"User-Agent": agent})


@pytest.mark.parametrize("agent", MACHINES)
def test_a_machine_that_says_so_is_one(agent: str) -> None:
    assert is_machine("GET", {"User-Agent": agent})


@pytest.mark.parametrize(
    ("method", "extra"),
    [
        ("HEAD", {}),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}),
        ("GET", {"Purpose": "prefetch"}),
        ("GET", {"X-Moz": "prefetch"}),
        ("GET", {"X-Purpose": "preview"}),
    ],
)
def test_a_browser_that_looks_ahead_is_no_reader_yet(method: str, extra: dict[str, str]) -> None:
    assert is_machine(method, {"User-Agent": READERS[0], **extra})


def test_an_endless_agent_is_decided_at_once() -> None:
    assert is_machine("GET", {"User-Agent": "Mozilla/5.0 (" + "a" * 1_000_000})
