"""Tasks: each has an explicit name, somebody who wakes it, and nothing that would make it more than a wake-up."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from django.conf import settings

from tests.rules import source
from tests.rules.source import hold

# Work that waits in the broker is lost with the broker.
NOT_OURS = {"apply_async", "eta", "countdown"}


def tasks(text: str) -> dict[str, str]:
    """The tasks of a source: the function's name and the task's, which is empty where none is given."""
    found: dict[str, str] = {}
    for node in ast.walk(source.tree(text)):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            called = call.func if call else decorator
            if isinstance(called, ast.Name) and called.id == "shared_task":
                words = {word.arg: word.value for word in call.keywords} if call else {}
                given = words.get("name")
                found[node.name] = str(given.value) if isinstance(given, ast.Constant) else ""
    return found


def unwoken(known: Mapping[str, str], wake_ups: Iterable[str]) -> Iterator[str]:
    """Tasks without a name of their own, tasks nobody wakes, and wake-ups for nobody."""
    wanted = set(wake_ups)
    for function, name in known.items():
        if not name:
            yield f"The task {function} has no name of its own; moving the file would rename it."
        elif name not in wanted:
            yield f"Nobody wakes {name}: it stands neither in the beat schedule nor in a queue.py."
    for name in sorted(wanted - set(known.values())):
        yield f"{name} is woken, and there is no such task."


def later(text: str) -> Iterator[int]:
    """The lines that leave work to the broker."""
    for node in ast.walk(source.tree(text)):
        if (isinstance(node, ast.Attribute) and node.attr in NOT_OURS) or (
            isinstance(node, ast.keyword) and node.arg in NOT_OURS
        ):
            yield node.lineno if isinstance(node, ast.Attribute) else node.value.lineno


def named_in(text: str, names: Iterable[str]) -> set[str]:
    """Which of these prefixes' task names stand in a source as texts."""
    prefixes = tuple(f"{name}." for name in names)
    return {
        node.value
        for node in ast.walk(source.tree(text))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(prefixes)
        and " " not in node.value
    }


def _files(name: str) -> list[Path]:
    return [path for path in source.modules().values() if path.name == name]


def test_every_task_has_a_name_and_somebody_who_wakes_it() -> None:
    known: dict[str, str] = {}
    for path in _files("tasks.py"):
        known |= {
            f"{path.parent.name}.{function}": name for function, name in tasks(path.read_text()).items()
        }
    assert len(known) > 5
    apps = {name.partition(".")[0] for name in known.values()}
    scheduled = {str(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    sent = {name for path in _files("queue.py") for name in named_in(path.read_text(), apps)}

    hold(unwoken(known, scheduled | sent))


def test_a_task_that_nobody_wakes_is_seen() -> None:
    known = tasks(
        "@shared_task(name='mail.send')\ndef send(): ...\n@shared_task\ndef nameless(): ...\n"
        "@shared_task(name='mail.lost', time_limit=5)\ndef lost(): ...\ndef no_task(): ...\n"
    )
    wake_ups = named_in("send('mail.send')\nsend('mail.gone')\nsay('mail. No.')\n", ["mail"])

    assert list(unwoken(known, wake_ups)) == [
        "The task nameless has no name of its own; moving the file would rename it.",
        "Nobody wakes mail.lost: it stands neither in the beat schedule nor in a queue.py.",
        "mail.gone is woken, and there is no such task.",
    ]


def test_no_work_waits_in_the_broker() -> None:
    hold(
        f"{module}, line {line}: work that waits belongs into the database, not into the broker."
        for module, path in source.modules().items()
        for line in later(path.read_text("utf-8"))
    )


def test_work_left_to_the_broker_is_seen() -> None:
    assert list(later("task.delay(1)\ntask.apply_async(args=[1])\nsend('a', countdown=60)\n")) == [2, 3]
