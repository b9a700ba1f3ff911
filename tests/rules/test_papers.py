"""The papers say what is there: tasks, commands, links and pictures exist, and nothing tells of somebody's machine."""

import importlib
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.rules import source
from tests.rules.source import hold

PAPERS = [
    *(source.ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((source.ROOT / "docs").rglob("*.md")),
]

_TASK = re.compile(r"^([a-z][a-z-]*):.*?## ", re.MULTILINE)
# In a line of code of its own, or between backticks; `make` in running text is English.
_CODE = re.compile(r"^```.*?^```|^ {4,}.*?$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"(?:^[ \t]*|\$ |&& |sudo -u \w+ )make ((?:[a-z][a-z-]* ?)+)", re.MULTILINE)
_MANAGE = re.compile(r"manage\.py ([a-z_]+)")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_PICTURE = re.compile(
    r"!\[([^\]]*)\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"|<source [^>]*srcset=\"([^\"]+)\""
)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_ELSEWHERE = ("http://", "https://", "mailto:")
_FILE = re.compile(
    r"(?:newsroom|subscriptions|digests|templates|static|tests|docs|seeds|locale|requirements)/[\w./-]+"
)
_DOTTED = re.compile(r"(?:newsroom|subscriptions|digests)(?:\.\w+)+")
# Homes of people and of build machines. A paper may say /opt, /etc, /srv and /var: those are the reader's own.
_MACHINE = re.compile(rb"(?<![\w./-])/(?:root|work|Users|home/[a-z]\w*|builds|workspace)/[\w.]")


def code_of(text: str) -> str:
    """All code of a paper, one piece a line."""
    return "\n".join(match.group().strip("`") for match in _CODE.finditer(text))


def unknown_tasks(text: str, tasks: Collection[str]) -> Iterator[str]:
    """Tasks of make that a paper names and the Makefile does not have."""
    for match in _MAKE.finditer(code_of(text)):
        for name in match.group(1).split():
            if name not in tasks:
                yield f"make {name}: there is no such task."


def unknown_commands(text: str, commands: Collection[str]) -> Iterator[str]:
    """Management commands that a paper names and nobody wrote."""
    for name in _MANAGE.findall(text):
        if name not in commands:
            yield f"manage.py {name}: there is no such command."


def anchor(heading: str) -> str:
    """The id that a heading gets on the usual hosting sites."""
    plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return plain.replace(" ", "-")


def broken_links(paper: Path, texts: Mapping[Path, str]) -> Iterator[str]:
    """Links inside the repository that lead to no file, or to no heading of a paper."""
    for target in _LINK.findall(texts[paper]):
        if target.startswith(_ELSEWHERE):
            continue
        name, _, fragment = target.partition("#")
        file = (paper.parent / name).resolve() if name else paper
        if not file.exists():
            yield f"{paper.name}: {target} leads nowhere."
        elif fragment and fragment not in {anchor(found) for found in _HEADING.findall(texts.get(file, ""))}:
            yield f"{paper.name}: {target} names a heading that is not there."


def unreached(start: Path, texts: Mapping[Path, str]) -> Iterator[str]:
    """Papers to which no way leads from the first one, by links alone."""
    seen, found = {start}, [start]
    while found:
        paper = found.pop()
        for target in _LINK.findall(texts[paper]):
            name = target.partition("#")[0]
            if not name or target.startswith(_ELSEWHERE):
                continue
            other = (paper.parent / name).resolve()
            led_to = {each for each in texts if each == other or other in each.parents} - seen
            found += led_to
            seen |= led_to
    yield from (f"No way leads from {start.name} to {paper.name}." for paper in texts if paper not in seen)


def broken_pictures(paper: Path, text: str) -> Iterator[str]:
    """Pictures that do not exist, lie elsewhere, or say nothing to somebody who cannot see them."""
    for alternative, *targets in _PICTURE.findall(text):
        target = next(filter(None, targets))
        if target.startswith(_ELSEWHERE) or not (paper.parent / target).exists():
            yield f"{paper.name}: there is no picture {target}."
        if targets[0] and not alternative.strip():
            yield f"{paper.name}: {target} has no alternative text."


def gone(text: str, root: Path = source.ROOT) -> Iterator[str]:
    """Files, modules and functions that a paper names between backticks and that are not there."""
    for name in re.findall(r"`([^`\n]+)`", text):
        if _FILE.fullmatch(name):
            if not (root / name).exists():
                yield f"there is no {name}."
        elif _DOTTED.fullmatch(name) and not _resolves(name):
            yield f"there is nothing called {name}."


def _resolves(dotted: str) -> bool:
    """Whether a module, or something in one, has that name."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        try:
            found: object = importlib.import_module(module)
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def crooked_decisions(texts: Mapping[str, str]) -> Iterator[str]:
    """Decisions are numbered without a gap and say context, choice and price."""
    for number, name in enumerate(sorted(texts), start=1):
        if not re.fullmatch(rf"{number:04}-[a-z0-9-]+\.md", name):
            yield f"{name} should have the number {number:04}."
        if not texts[name].startswith(f"# {number}. "):
            yield f"{name} should begin with: # {number}. …"
        for part in ("**Context.**", "**Choice.**", "**Price.**"):
            if part not in texts[name]:
                yield f"{name} has no {part.strip('*')}"


def machine_paths(content: bytes) -> list[str]:
    """Folders of somebody's machine."""
    return [match.group().decode() for match in _MACHINE.finditer(content)]


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=source.ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [source.ROOT / name for name in listed.stdout.split("\0") if name]


def _texts() -> dict[Path, str]:
    return {paper: paper.read_text("utf-8") for paper in PAPERS}


def _tasks() -> set[str]:
    return set(_TASK.findall((source.ROOT / "Makefile").read_text("utf-8")))


def test_every_task_in_the_papers_is_in_the_makefile() -> None:
    tasks = _tasks()
    assert {"demo", "test", "check", "help"} <= tasks
    hold(f"{paper.name}: {line}" for paper, text in _texts().items() for line in unknown_tasks(text, tasks))


def test_the_readme_names_its_two_commands() -> None:
    code = code_of((source.ROOT / "README.md").read_text("utf-8"))
    assert "make demo" in code
    assert "make test" in code


def test_an_unknown_task_is_seen() -> None:
    text = (
        "We make peace. Run `make demo ONCE=1`, `make dream`, then\n```\nmake check\n$ make test-all\n```\n"
    )
    assert list(unknown_tasks(text, {"demo", "check"})) == [
        "make dream: there is no such task.",
        "make test-all: there is no such task.",
    ]


def test_every_command_in_the_papers_exists() -> None:
    commands = get_commands()
    hold(
        f"{paper.name}: {line}"
        for paper, text in _texts().items()
        for line in unknown_commands(text, commands)
    )


def test_an_unknown_command_is_seen() -> None:
    text = "`manage.py migrate` and\n```\n.venv/bin/python manage.py send_everything 7\n```\n"
    assert list(unknown_commands(text, get_commands())) == [
        "manage.py send_everything: there is no such command."
    ]


def test_every_file_and_module_in_the_papers_is_there() -> None:
    # What a change log says was true when it was said.
    texts = {paper: text for paper, text in _texts().items() if paper.name != "CHANGELOG.md"}
    hold(f"{paper.name}: {line}" for paper, text in texts.items() for line in gone(text))


def test_a_file_or_function_that_is_gone_is_seen() -> None:
    text = (
        "See `newsroom/mail/wire.py`, `newsroom/mail/gone.py`, `templates/email/<kind>/`, `newsroom.mail.wire`, "
        "`newsroom.mail.wire.compile_mail`, `digests.workflow.vanish`, `digests.gone` and `TIME_ZONE`."
    )
    assert list(gone(text)) == [
        "there is no newsroom/mail/gone.py.",
        "there is nothing called digests.workflow.vanish.",
        "there is nothing called digests.gone.",
    ]


def test_every_link_inside_the_papers_leads_somewhere() -> None:
    texts = _texts()
    hold(line for paper in texts for line in broken_links(paper, texts))


def test_a_link_to_nowhere_is_seen(tmp_path: Path) -> None:
    page, other = tmp_path / "README.md", tmp_path / "other.md"
    other.write_text("# What it does – and why\n")
    page.write_text(
        "[a](other.md) [b](other.md#what-it-does--and-why) [c](https://example.org) [d](gone.md) [e](#no)"
    )

    found = list(broken_links(page, {path: path.read_text("utf-8") for path in (page, other)}))

    assert found == ["README.md: gone.md leads nowhere.", "README.md: #no names a heading that is not there."]


def test_every_paper_is_reached_from_the_readme() -> None:
    hold(unreached(source.ROOT / "README.md", _texts()))


def test_a_paper_that_nobody_links_to_is_seen(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    texts = {
        tmp_path / "README.md": "[a](a.md) [docs](docs/)",
        tmp_path / "a.md": "[self](#top) [elsewhere](https://example.org/b.md)",
        tmp_path / "b.md": "[a](a.md)",
        tmp_path / "docs" / "c.md": "",
    }

    assert list(unreached(tmp_path / "README.md", texts)) == ["No way leads from README.md to b.md."]


def test_every_picture_of_the_papers_exists_and_says_what_it_shows() -> None:
    hold(line for paper, text in _texts().items() for line in broken_pictures(paper, text))


def test_a_missing_or_mute_picture_is_seen(tmp_path: Path) -> None:
    (tmp_path / "mail.png").write_bytes(b"")
    text = '![](mail.png) ![Mail](gone.png) <img src="https://example.org/a.png" alt="a"> ![Mail](mail.png)'

    assert list(broken_pictures(tmp_path / "README.md", text)) == [
        "README.md: mail.png has no alternative text.",
        "README.md: there is no picture gone.png.",
        "README.md: there is no picture https://example.org/a.png.",
    ]


def test_every_decision_says_context_choice_and_price() -> None:
    folder = source.ROOT / "docs" / "decisions"
    texts = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    assert len(texts) > 10
    hold(crooked_decisions(texts))


def test_a_crooked_decision_is_seen() -> None:
    whole = "**Context.** a\n**Choice.** b\n**Price.** c\n"
    texts = {"0001-a.md": f"# 1. A\n{whole}", "0003-b.md": f"# 2. B\n{whole[:20]}"}
    assert list(crooked_decisions(texts)) == [
        "0003-b.md should have the number 0002.",
        "0003-b.md has no Choice.",
        "0003-b.md has no Price.",
    ]


def test_no_file_tells_of_a_machine() -> None:
    hold(
        f"{path.relative_to(source.ROOT)}: {found}"
        for path in _tracked()
        if path.is_file()
        for found in machine_paths(path.read_bytes())
    )


def test_a_path_of_a_machine_is_seen() -> None:
    # Put together here, so that this file tells of no machine itself.
    homes = [b"/" + folder + b"/mia/newsroom" for folder in (b"root", b"home", b"Users")]
    assert all(machine_paths(b"x = " + home) for home in homes)
    assert not machine_paths(b"https://example.org/work/list, /opt/newsroom, /var/lib, ./home/page, /home/")
