"""Files with a subject, of a length one can read, with nothing left for later."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.rules import source
from tests.rules.source import hold

MOST_LINES = 450
# A function without a home is missing a word.
HOMELESS = re.compile(r"^(utils?|helpers?|common|misc)$")
# Put together here, so that this file does not name them.
_LATER = re.compile(rb"\b(" + b"|".join([b"TO" + b"DO", b"FIX" + b"ME", b"XX" + b"X"]) + rb")\b")
_WRITTEN = {".py", ".html", ".txt", ".mjml", ".css", ".js", ".md", ".toml", ".yaml"}


def homeless(paths: list[Path]) -> Iterator[str]:
    """Files and packages whose name says nothing of their subject."""
    for path in paths:
        for name in (*path.parts[:-1], path.stem):
            if HOMELESS.match(name):
                yield f"{path}: a file or package called {name!r} has no subject."


def too_long(path: Path) -> Iterator[str]:
    """A file of more than MOST_LINES lines has grown two subjects."""
    lines = len(path.read_text("utf-8").splitlines())
    if lines > MOST_LINES:
        yield f"{path}: {lines} lines; from {MOST_LINES} on a file becomes a package of the same name."


def left_for_later(path: Path) -> Iterator[str]:
    """Unfinished things are issues, not remarks in the source."""
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if _LATER.search(line):
            yield f"{path}, line {number}: unfinished things are issues."


def _written() -> list[Path]:
    """What somebody wrote: sources, templates, papers; nothing that was installed, compiled or made."""
    roots = [*source.PACKAGES, "tests", "templates", "static", "docs", "seeds", "bench"]
    files = [path for root in roots for path in sorted((source.ROOT / root).rglob("*")) if path.is_file()]
    ours = [path for path in files if path.suffix in _WRITTEN and "node_modules" not in path.parts]
    return [*ours, *sorted(source.ROOT.glob("*.md"))]


def test_no_file_is_homeless() -> None:
    hold(homeless([path.relative_to(source.ROOT) for path in _written()]))


def test_a_homeless_file_is_seen() -> None:
    paths = [Path("digests/utils.py"), Path("newsroom/common/dates.py"), Path("digests/commons.py")]
    assert [line.split(":")[0] for line in homeless(paths)] == [
        "digests/utils.py",
        "newsroom/common/dates.py",
    ]


def test_no_source_file_is_too_long() -> None:
    hold(line for path in source.modules().values() for line in too_long(path))


def test_a_file_that_is_too_long_is_seen(tmp_path: Path) -> None:
    just, over = tmp_path / "just.py", tmp_path / "over.py"
    just.write_text("\n" * MOST_LINES)
    over.write_text("\n" * (MOST_LINES + 1))
    assert not list(too_long(just))
    assert len(list(too_long(over))) == 1


def test_nothing_is_left_for_later() -> None:
    hold(line for path in _written() for line in left_for_later(path))


def test_a_remark_for_later_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "letters.py"
    path.write_text("a = 1\nb = 2  # " + "TO" + "DO: finish\nMETHODO = 3\n")
    assert list(left_for_later(path)) == [f"{path}, line 2: unfinished things are issues."]
