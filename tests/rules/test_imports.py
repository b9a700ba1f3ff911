"""The house stands: imports lead down, from app to app and from floor to floor, and never in a circle."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.rules import source
from tests.rules.floors import APPS, NAMED, STAGES, Floor, app_of, floor_of
from tests.rules.source import Import, hold

Graph = Mapping[str, list[Import]]

# What has no place under a service: a request, a form, a task.
NOT_IN_SERVICES = ("django.http", "django.views", "django.forms", "django.shortcuts", "celery.shared_task")
# Names of choices are values, although Django keeps them beside the models.
CHOICES = {"TextChoices", "IntegerChoices"}


def _read(root: Path = source.ROOT, packages: tuple[str, ...] = source.PACKAGES) -> dict[str, list[Import]]:
    known = source.modules(root, packages)
    return {module: source.imports(path, module, known) for module, path in known.items()}


def _is_ours(module: str) -> bool:
    return module.split(".")[0] in source.PACKAGES


def between_apps(graph: Graph) -> Iterator[str]:
    """An app imports itself and those below; nobody imports the demo, the sandbox or the site's own files."""
    for module, found in graph.items():
        here = app_of(module)
        for imported in found:
            there = app_of(imported.module)
            line = f"{module}, line {imported.line}: {imported.module}"
            if not _is_ours(imported.module) or here in STAGES:
                continue
            if there in STAGES:
                yield f"{line} is for the demo and the tests alone."
            elif here and not there:
                yield f"{line} belongs to the site, which stands above every app."
            elif here and APPS.index(there) > APPS.index(here):
                yield f"{line} is on a higher floor of the house than {here}."


def between_floors(graph: Graph) -> Iterator[str]:
    """Inside an app, and from it to those below, an import leads to the same floor or a lower one."""
    for module, found in graph.items():
        if app_of(module) not in APPS or (here := floor_of(module)) is None:
            continue
        for imported in found:
            if app_of(imported.module) not in APPS or (there := floor_of(imported.module)) is None:
                continue
            if there > here:
                yield (
                    f"{module}, line {imported.line}: {imported.module} is among the {there.name.lower()}, "
                    f"{module} among the {here.name.lower()}."
                )


def without_a_floor(graph: Graph) -> Iterator[str]:
    """Each file is on a floor."""
    for module in graph:
        if app_of(module) in APPS and floor_of(module) is None:
            yield (
                f"{module} is on no floor. Put it on one in tests/rules/floors.py: values if it needs no database, "
                "records for models, services if it needs no request, else edges."
            )


def in_values(graph: Graph) -> Iterator[str]:
    """Values know no database."""
    for module, found in graph.items():
        if app_of(module) not in APPS or floor_of(module) is not Floor.VALUES:
            continue
        for imported in found:
            is_database = imported.module == "django.db" or imported.module.startswith("django.db.")
            if is_database and imported.name not in CHOICES:
                yield f"{module}, line {imported.line}: {imported.module} has no place among the values."


def in_services(graph: Graph) -> Iterator[str]:
    """Services, records and values know no request, no form and no task."""
    for module, found in graph.items():
        if app_of(module) not in APPS or floor_of(module) in (Floor.EDGES, None):
            continue
        for imported in found:
            whole = f"{imported.module}.{imported.name}".rstrip(".")
            if any(whole == name or whole.startswith(f"{name}.") for name in NOT_IN_SERVICES):
                yield f"{module}, line {imported.line}: {whole} belongs to the edges."


def in_circles(graph: Graph) -> Iterator[str]:
    """No module can reach itself."""
    edges = {module: {imported.module for imported in found} for module, found in graph.items()}
    for circle in source.cycles(edges):
        yield f"These import each other in a circle: {', '.join(circle)}."


def _house(folder: Path, files: Mapping[str, str]) -> Graph:
    """A small house of bad habits."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return _read(folder)


def test_apps_import_only_apps_below() -> None:
    hold(between_apps(_read()))


def test_an_import_upward_or_of_the_demo_or_of_the_site_is_seen(tmp_path: Path) -> None:
    graph = _house(
        tmp_path,
        {
            "subscriptions/consent.py": "def ask():\n    from digests.models import Digest\n",
            "digests/delivery/pump.py": "from digests import states\n",
            "digests/states.py": "",
            "newsroom/articles/feeds.py": "import newsroom.demo.broker\n",
            "newsroom/mail/letters.py": "from newsroom import settings\n",
            "newsroom/settings.py": "from digests import states\n",
            "newsroom/demo/broker.py": "from digests import states\n",
        },
    )

    found = list(between_apps(graph))

    assert [line.split(":")[0] for line in found] == [
        "newsroom.articles.feeds, line 1",
        "newsroom.mail.letters, line 1",
        "subscriptions.consent, line 2",
        "digests.delivery.pump, line 1",
    ]
    assert "demo" in found[0]
    assert "site" in found[1]


def test_floors_import_only_floors_below() -> None:
    hold(between_floors(_read()))


def test_an_import_from_a_higher_floor_is_seen(tmp_path: Path) -> None:
    graph = _house(
        tmp_path,
        {
            "digests/recurrence.py": "from digests.models import Plan\n",
            "digests/models.py": "from .planning import due\nfrom .states import DigestState\n",
            "digests/planning.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from digests import tasks\n",
            "digests/tasks.py": "from digests import planning\nfrom subscriptions.consent import ask\n",
            "digests/states.py": "",
            "subscriptions/consent.py": "from newsroom.web import proxies\n",
            "newsroom/web/proxies.py": "",
        },
    )

    assert [line.split(".py")[0].split(" is among")[0] for line in between_floors(graph)] == [
        "subscriptions.consent, line 1: newsroom.web.proxies",
        "digests.models, line 1: digests.planning",
        "digests.planning, line 3: digests.tasks",
        "digests.recurrence, line 1: digests.models",
    ]


def test_every_file_is_on_a_floor() -> None:
    hold(without_a_floor(_read()))


def test_a_file_on_no_floor_is_told_where_to_go(tmp_path: Path) -> None:
    graph = _house(tmp_path, {"digests/surprise.py": "", "digests/workflow/proofing.py": ""})

    (sentence,) = without_a_floor(graph)

    assert sentence.startswith("digests.surprise is on no floor. Put it on one")


def test_every_name_of_the_table_is_a_file() -> None:
    known = source.modules()
    hold(
        f"{app}.{name} is in the table of floors, and there is no such file."
        for app, names in NAMED.items()
        for name in sorted(names)
        if f"{app}.{name}" not in known
    )


def test_values_know_no_database() -> None:
    hold(in_values(_read()))


def test_a_model_among_the_values_is_seen(tmp_path: Path) -> None:
    graph = _house(
        tmp_path,
        {
            "digests/states.py": "from django.db.models import TextChoices\n",
            "digests/recurrence.py": "from django.db import models, connection\n",
        },
    )

    assert [line.split(":")[0] for line in in_values(graph)] == ["digests.recurrence, line 1"] * 2


def test_services_know_no_request_no_form_and_no_task() -> None:
    hold(in_services(_read()))


def test_a_request_in_a_service_is_seen(tmp_path: Path) -> None:
    graph = _house(
        tmp_path,
        {
            "digests/curation.py": "from django.http import HttpRequest\nfrom django import forms\n",
            "digests/planning.py": "from celery import current_app, shared_task\n",
            "digests/views.py": "from django.http import HttpRequest\n",
        },
    )

    assert list(in_services(graph)) == [
        "digests.curation, line 1: django.http.HttpRequest belongs to the edges.",
        "digests.curation, line 2: django.forms belongs to the edges.",
        "digests.planning, line 1: celery.shared_task belongs to the edges.",
    ]


def test_no_import_goes_in_a_circle() -> None:
    hold(in_circles(_read()))


def test_a_circle_is_seen_even_through_a_function(tmp_path: Path) -> None:
    graph = _house(
        tmp_path,
        {
            "digests/choosing.py": "from digests import ranking\n",
            "digests/ranking.py": "from digests import recurrence\n",
            "digests/recurrence.py": "def later():\n    from digests.choosing import choose\n",
            "digests/roles.py": "from digests import ranking\n",
        },
    )

    assert list(in_circles(graph)) == [
        "These import each other in a circle: digests.choosing, digests.ranking, digests.recurrence."
    ]


def test_a_relative_import_is_read_as_what_it_means(tmp_path: Path) -> None:
    graph = _house(
        tmp_path,
        {
            "digests/workflow/__init__.py": "from .proofing import propose\n",
            "digests/workflow/proofing.py": "from ..states import DigestState\nfrom .. import ranking\n",
            "digests/states.py": "",
            "digests/ranking.py": "",
        },
    )

    assert [found.module for found in graph["digests.workflow"]] == ["digests.workflow.proofing"]
    assert [found.module for found in graph["digests.workflow.proofing"]] == [
        "digests.states",
        "digests.ranking",
    ]
