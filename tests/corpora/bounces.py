"""Returned mails: `eml/*`, `expected.json` with the reports of each, and `not-a-bounce/`."""

from pathlib import Path
from typing import Any

from newsroom.mail.bounces import Kind, Report, read
from tests.corpora.tally import Tally, load

RECIPIENTS, AGREEMENT = 0.90, 0.95
_NOTHING = frozenset({"vacation", "delivered"})


def run(folder: Path) -> Tally:
    """Right: every recipient found, with each kind of line end. Suppression is counted beside it."""
    tally = Tally(aim=RECIPIENTS)
    agreed = spoken = 0
    for name, expected in load(folder / "expected.json").items():
        if expected["agreed"] is not True:
            continue
        raw = (folder / "eml" / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        tally.judge(name, _finds_all, raw, expected["reports"])
        for said in expected["reports"]:
            if said["reason"] == "feedback":
                continue  # a complaint, judged with its case
            spoken += 1
            if _agrees(read(raw), said):
                agreed += 1
            else:
                tally.notes.append(f"suppression: {name}: {said['recipient']} {said['reason']}")
    for path in sorted((folder / "not-a-bounce").glob("*")):
        tally.judge(path.name, _is_harmless, path.read_bytes())
    tally.missed = agreed < AGREEMENT * spoken
    tally.extra = (
        f"suppress now agrees {agreed} of {spoken}, {agreed / max(spoken, 1):.1%}, aim {AGREEMENT:.0%}"
    )
    return tally


def _finds_all(raw: bytes, expected: list[dict[str, Any]]) -> bool:
    reports = read(raw)
    for ends in (b"\r\n", b"\r"):
        if read(raw.replace(b"\n", ends)) != reports:
            raise AssertionError(f"other with line ends {ends!r}")
    wanted = {_lower(said) for said in expected if said["reason"] not in _NOTHING}
    found = {report.recipient.lower() for report in reports if report.kind is not Kind.NOTHING}
    if any(said["reason"] == "feedback" for said in expected):
        found = {report.recipient.lower() for report in reports}
        stops = any(said["feedbacktype"] in {"abuse", "fraud", "opt-out"} for said in expected)
        return wanted == found and stops == any(report.kind is Kind.COMPLAINED for report in reports)
    return wanted == found


def _is_harmless(raw: bytes) -> bool:
    return not any(report.suppress_now for report in read(raw))


def _agrees(reports: list[Report], said: dict[str, Any]) -> bool:
    named = [report for report in reports if report.recipient.lower() == _lower(said)]
    return any(report.suppress_now for report in named) == said["hardbounce"]


def _lower(said: dict[str, Any]) -> str:
    return str(said["recipient"] or "").lower()
