"""The source as the rules see it: which modules there are, and what each imports, wherever in the file it does so."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("newsroom", "subscriptions", "digests")


@dataclass(frozen=True, kw_only=True)
class Import:
    """One imported module, at a line of the module that wants it."""

    module: str
    name: str  # what is taken out of it; empty for `import module`
    line: int


def hold(found: Iterable[str]) -> None:
    """A rule holds if nothing was found against it; else say each finding on a line of its own."""
    lines = list(found)
    assert not lines, "\n".join(["", *lines])


def module_name(path: Path, root: Path = ROOT) -> str:
    """`newsroom/mail/__init__.py` is `newsroom.mail`."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(root: Path = ROOT, packages: tuple[str, ...] = PACKAGES) -> dict[str, Path]:
    """Every module of ours with its file. Migrations are left out: Django writes them."""
    return {
        module_name(path, root): path
        for package in packages
        for path in sorted((root / package).rglob("*.py"))
        if "migrations" not in path.parts
    }


@cache
def tree(text: str) -> ast.Module:
    """The syntax of a file's text; each is read once, whatever the number of rules that look at it."""
    return ast.parse(text)


def imports(path: Path, module: str, known: Mapping[str, object]) -> list[Import]:
    """What a file imports, inside functions and for types alone as well: knowing is knowing.

    `from newsroom.mail import letters` is an import of `newsroom.mail.letters` where there is such a module.
    """
    found: list[Import] = []
    for node in ast.walk(tree(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [Import(module=alias.name, name="", line=node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module, is_package=path.name == "__init__.py")
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                found.append(
                    Import(module=whole, name="", line=node.lineno)
                    if whole in known
                    else Import(module=base, name=alias.name, line=node.lineno)
                )
    return found


def _absolute(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    base = module.split(".") if is_package else module.split(".")[:-1]
    base = base[: len(base) - (node.level - 1)]
    return ".".join([*base, *(node.module or "").split(".")]).rstrip(".")


def cycles(graph: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """The groups of modules that can each be reached from each other (Tarjan, iterative for deep graphs)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for start in graph:
        if start in index:
            continue
        work: list[tuple[str, Iterator[str]]] = [(start, iter(sorted(graph[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, following = work[-1]
            for target in following:
                if target not in graph:
                    continue
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(sorted(graph[target]))))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        group.append(member)
                        if member == node:
                            break
                    if len(group) > 1 or node in graph[node]:
                        yield sorted(group)
