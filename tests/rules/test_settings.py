"""Settings of the environment: one reader, one line each in docs/settings.md."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from newsroom.environment import SETTINGS
from tests.rules import source
from tests.rules.source import hold

PAGE = source.ROOT / "docs" / "settings.md"

# Who may look at the process environment: the reader, those who name the settings module, and the demo's launcher.
MAY_LOOK = {"newsroom.environment", "newsroom.celery", "newsroom.asgi", "newsroom.wsgi"}
MAY_LOOK_INSIDE = ("newsroom.demo", "newsroom.sandbox")

_LINE = re.compile(r"^\| `([A-Z][A-Z_]+)` \|(.*)\|$", re.MULTILINE)


def lines_of(page: str) -> dict[str, str]:
    """The table lines of a page of settings: name and the rest of the line."""
    return {name: rest.strip() for name, rest in _LINE.findall(page)}


def told(page: str, defaults: Mapping[str, str]) -> Iterator[str]:
    """Each setting has its line with its default, and each line its setting."""
    lines = lines_of(page)
    for name, default in defaults.items():
        if name not in lines:
            yield f"docs/settings.md has no line for {name}."
        elif default and default not in lines[name]:
            yield f"docs/settings.md does not say that {name} is {default!r} by default."
    for name in lines:
        if name not in defaults:
            yield f"docs/settings.md has a line for {name}, which newsroom/environment.py does not read."


def looks(text: str) -> list[int]:
    """The lines on which a source looks at the process environment, by whatever name it calls it."""
    found: list[int] = []
    for node in ast.walk(source.tree(text)):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "environb" | "getenv" | "putenv"):
                found.append(node.lineno)
            case ast.ImportFrom(module="os", names=names) if any(
                alias.name in {"environ", "environb", "getenv"} for alias in names
            ):
                found.append(node.lineno)
            case ast.ImportFrom(module="environ") | ast.Import(names=[ast.alias(name="environ")]):
                found.append(node.lineno)
            case _:
                pass
    return sorted(found)


def reads(known: Mapping[str, Path]) -> Iterator[str]:
    """Whoever looks at the process environment and may not."""
    for module, path in known.items():
        if module in MAY_LOOK or any(
            module == stage or module.startswith(f"{stage}.") for stage in MAY_LOOK_INSIDE
        ):
            continue
        for line in looks(path.read_text("utf-8")):
            yield f"{module}, line {line}: only newsroom/environment.py reads the environment."


def test_every_setting_has_its_line_and_every_line_its_setting() -> None:
    hold(told(PAGE.read_text("utf-8"), {setting.name: setting.default for setting in SETTINGS}))


def test_a_missing_a_wrong_and_a_leftover_line_are_seen() -> None:
    page = "| Name | Default |\n|---|---|\n| `DEBUG` | on | no |\n| `SITE_URL` | `http://here` | x |\n| `GONE` | | |\n"

    found = list(told(page, {"DEBUG": "off", "SITE_URL": "http://here", "MEDIA_ROOT": "var/media"}))

    assert found == [
        "docs/settings.md does not say that DEBUG is 'off' by default.",
        "docs/settings.md has no line for MEDIA_ROOT.",
        "docs/settings.md has a line for GONE, which newsroom/environment.py does not read.",
    ]


def test_nobody_else_reads_the_environment() -> None:
    hold(reads(source.modules()))


def test_every_way_to_look_at_the_environment_is_seen(tmp_path: Path) -> None:
    text = (
        "import os\nfrom os import getenv\nimport environ\n"
        "def which():\n    return os.environ.get('A') or os.getenv('B')\n"
    )
    path = tmp_path / "letters.py"
    path.write_text(text, "utf-8")

    found = list(reads({"newsroom.mail.letters": path, "newsroom.demo.stage": path}))

    assert [line.split(":")[0] for line in found] == [
        f"newsroom.mail.letters, line {number}" for number in (2, 3, 5, 5)
    ]
