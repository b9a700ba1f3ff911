"""The text part, wrapped as people write it: at 72 columns, addresses whole, one empty line at most."""

import re
import textwrap

WIDTH = 72


def wrap(text: str) -> str:
    """Wrap each line by itself, continuing under its own indent; never breaks a word, so addresses stay whole."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        bare = line.strip()
        if not bare:
            lines.append("")
            continue
        indent = line[: len(line) - len(line.lstrip())]
        hanging = indent + " " * len(_bullet(bare))
        lines += textwrap.wrap(
            bare,
            WIDTH,
            initial_indent=indent,
            subsequent_indent=hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _bullet(line: str) -> str:
    match = re.match(r"(\d+\.|[-*•])\s+", line)
    return match.group() if match else ""
