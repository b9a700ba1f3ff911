"""Hostile HTML: `cases.json` with a payload each. Right: inert after our cleaner, when the result is parsed."""

from pathlib import Path

from newsroom.articles.text import clean_html
from tests.corpora.inertness import alive
from tests.corpora.tally import Tally, load


def run(folder: Path) -> Tally:
    tally = Tally()
    for number, case in enumerate(load(folder / "cases.json")):
        name = f"{number} {case.get('title', '')}"
        tally.judge(name, _is_inert, case["payload"])
    return tally


def _is_inert(payload: str) -> bool:
    return not alive(clean_html(payload, base="https://example.org/"))
