"""docs/providers.md says of each provider what the code says."""

from pathlib import Path

from newsroom.mail.provider_urls import OPTIONS, parse
from newsroom.mail.providers import make

PAGE = Path(__file__).resolve().parents[3] / "docs" / "providers.md"
URLS = {
    "smtp": "smtp://mail.example.org",
    "memory": "memory://",
    "mailgun": "mailgun://KEY@mg.example.org",
    "postal": "postal://KEY@?api_url=https://postal.example.org",
    "unisender_go": "unisender_go://KEY@?api_url=https://unisender.example.org",
    "mailjet": "mailjet://KEY:SECRET@",
    "scaleway": "scaleway://KEY@?project_id=p",
}
HEAD = """\
| Scheme | Copies in one call | Same call again is safe for | Records searched | Events |
| --- | --- | --- | --- | --- |
"""


def row(scheme: str) -> str:
    can = make(parse(f"main={URLS.get(scheme, f'{scheme}://KEY@')}")[0]).capabilities
    copies = "one" if can.one_call_per_reader else str(can.batch_size)
    again = f"{can.replay_seconds // 3600} h" if can.replay_seconds else "–"
    lag = f"yes, {can.search_lag_seconds // 60} min late" if can.can_search else "–"
    return f"| `{scheme}` | {copies} | {again} | {lag} | {'yes' if can.reports_events else '–'} |\n"


def test_the_table_of_providers_says_what_the_code_says() -> None:
    # Amazon's client is a package of its own, which need not be installed.
    table = HEAD + "".join(row(scheme) for scheme in sorted(OPTIONS) if scheme != "amazon_ses")

    assert table in PAGE.read_text(encoding="utf-8"), f"docs/providers.md needs this table:\n{table}"
