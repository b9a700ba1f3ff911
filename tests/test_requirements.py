"""The pinned requirements are whole, agree with each other and with pyproject.toml, and name no place."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PIN = re.compile(
    r"^(?P<name>[\w.-]+)(\[[\w,-]+\])?==(?P<version>[\w.+!]+)( ; (?P<marker>.+?))? \\$", re.MULTILINE
)


def pins(name: str) -> dict[str, set[str]]:
    """The versions of each package in a file; more than one where platforms differ."""
    found: dict[str, set[str]] = {}
    for match in PIN.finditer(content(name)):
        found.setdefault(canonicalize_name(match["name"]), set()).add(match["version"])
    return found


def content(name: str) -> str:
    return (ROOT / "requirements" / name).read_text("utf-8")


def wanted(*, group: str = "") -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lines = project["dependency-groups"][group] if group else project["project"]["dependencies"]
    return [Requirement(line) for line in lines]


def test_every_dependency_is_pinned_to_a_version_it_allows() -> None:
    for file, requirements in (("base.txt", wanted()), ("dev.txt", [*wanted(), *wanted(group="dev")])):
        pinned = pins(file)
        for requirement in requirements:
            versions = pinned.get(canonicalize_name(requirement.name), set())

            assert versions, f"{requirement.name} is not in {file}: make requirements"
            assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_what_develops_newsroom_contains_what_runs_it() -> None:
    base, dev = pins("base.txt"), pins("dev.txt")

    assert {name: dev.get(name) for name in base} == base


def test_every_pin_has_hashes_and_none_names_a_place() -> None:
    for name in ("base.txt", "dev.txt"):
        lines = content(name).splitlines()
        starts = [number for number, line in enumerate(lines) if line and line[0] not in " #"]

        assert len(starts) == sum(len(versions) for versions in pins(name).values())
        assert all(lines[number + 1].strip().startswith("--hash=sha256:") for number in starts)
        assert "://" not in content(name)
        assert not [line for line in lines if line.startswith("-")]
