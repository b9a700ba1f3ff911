"""German is complete: every text has a translation, texts of the source are English, the admin speaks German."""

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from django.contrib import admin
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import override

from tests import translations
from tests.rules import source
from tests.rules.source import hold

CATALOGUE = source.ROOT / translations.CATALOGUE

# Words that are German and nothing else, and letters that English has not. Names of German laws and roles are meant.
_GERMAN = re.compile(
    r"[äöüß„]|\b(?:und|oder|nicht|der|das|ist|sind|wird|wurde|mit|für|auf|eine?[nmrs]?|bitte|Sie|Ihre?[nmrs]?|zum|zur"
    r"|Ausgabe|Abo|Abmeldung|abmelden|Anmeldung|Bestätigung)\b",
)
_MEANT = ("DDG", "MStV", "DSGVO", "Deutsch")
# So long may a label, a button, a heading or the line at a field be; what is longer is running text.
_SHORT = 60
_LOGS = ("log_addition", "log_change", "log_deletion", "log_actions")
OURS = ("mail", "articles", "subscriptions", "delivery", "digests")


def german(texts: Iterable[str]) -> Iterator[str]:
    """Texts of the source that are German already."""
    for text in texts:
        if (found := _GERMAN.search(text)) and not any(word in text for word in _MEANT):
            yield f"{text!r} is German ({found.group()}); texts of the source are English."


def uncollected(paths: Iterable[Path], extensions: Collection[str]) -> Iterator[str]:
    """Templates with texts to translate that `make messages` does not read."""
    for path in paths:
        if path.suffix.lstrip(".") not in extensions and re.search(
            r"{%\s*(?:block)?trans(?:late)?\s", path.read_text("utf-8")
        ):
            yield f"{path.name} has texts to translate, and make messages does not read *{path.suffix}."


def logged_as_it_stands(path: Path) -> Iterator[str]:
    """Sentences for the admin's history that nobody translates."""
    for node in ast.walk(source.tree(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOGS:
            given = [*node.args, *(each.value for each in node.keywords)]
            parts = [part for each in given for part in getattr(each, "values", [each])]
            words = [part.value for part in parts if isinstance(part, ast.Constant)]
            if any(isinstance(word, str) and re.search("[A-Za-z]", word) for word in words):
                yield f"{path.name}:{node.lineno}: what the history says is not marked for translation."


def registered() -> list[type[models.Model]]:
    return [model for model in admin.site._registry if model._meta.app_label in OURS]


def names_of(model: type[models.Model]) -> Iterator[tuple[str, object]]:
    """What the admin calls a model and its fields, and what it says about them."""
    yield model._meta.label, model._meta.verbose_name
    yield f"{model._meta.label} (plural)", model._meta.verbose_name_plural
    for field in model._meta.get_fields():
        if isinstance(field, models.Field) and field.editable and not field.primary_key:
            yield f"{model._meta.label}.{field.name}", field.verbose_name
            if field.help_text:
                yield f"{model._meta.label}.{field.name} (help)", field.help_text


def not_in_german(names: Iterable[tuple[str, object]], catalogue: Catalog) -> Iterator[str]:
    """Names that are no text to translate, or have no translation in the catalogue."""
    for where, name in names:
        if not isinstance(name, Promise):
            yield f"{where}: {name!r} is not marked for translation."
            continue
        with override(None):
            text = str(name)
        message = catalogue.get(text)
        if message is None or not message.string or message.fuzzy:
            yield f"{where}: {text!r} has no German name."


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    assert CATALOGUE.exists(), f"{translations.CATALOGUE} is missing; `make messages` makes it."
    return translations.read(CATALOGUE)


def test_every_text_is_translated(catalogue: Catalog) -> None:
    hold(translations.untranslated(catalogue))


def test_every_translation_keeps_its_placeholders(catalogue: Catalog) -> None:
    """A lost or misspelt %(name)s is an error page, in German only."""
    hold(placeholders_lost(catalogue))


def placeholders_lost(catalogue: Catalog) -> Iterator[str]:
    for message in catalogue:
        if not message.id or not message.string:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        wanted = set().union(*(_placeholders(text) for text in ids))
        strings = [message.string] if isinstance(message.string, str) else list(message.string)
        for text in strings:
            # A singular may say "one" in words.
            lost = wanted - _placeholders(text) if len(ids) == 1 else set[str]()
            if lost or _placeholders(text) - wanted:
                yield f"{ids[0]!r} and {text!r} do not have the same placeholders."


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[a-z]|(?<!%)%[sd]|\{\w*\}", text))


def with_english_decimals(catalogue: Catalog) -> Iterator[str]:
    """Texts whose numbers Python would write, with a point in every language."""
    for message in catalogue:
        ids = [message.id] if isinstance(message.id, str) else list(message.id or ())
        for text in ids:
            if found := re.search(r"%\(\w+\)[\d.]*[efg]", text):
                yield f"{text!r}: write {found.group()} with number_format, which knows the decimal comma."


def test_numbers_are_written_in_the_language_of_their_sentence(catalogue: Catalog) -> None:
    hold(with_english_decimals(catalogue))
    wrong = Catalog()
    for text in ("%(free).1f GB", "from %(least)g on", "%(number)d free"):
        wrong.add(text)
    assert len(list(with_english_decimals(wrong))) == 2


def test_a_short_german_text_is_not_torn_behind_its_first_letter(catalogue: Catalog) -> None:
    hold(torn(catalogue))


def torn(catalogue: Catalog) -> Iterator[str]:
    """Labels, buttons and headings that a narrow screen would break into "E-" and "Mail"."""
    for message in catalogue:
        strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
        for text in strings if message.id else ():
            if len(text) <= _SHORT and "E-Mail" in text:
                yield f"{text!r}: a short text has a non-breaking hyphen (U+2011) in this word."


def test_a_torn_text_is_seen_and_running_text_is_left_alone() -> None:
    found = Catalog()
    found.add("E-mail", "E-Mail")
    found.add("Ask for a new e-mail", "Neue E\N{NON-BREAKING HYPHEN}Mail anfordern")
    found.add(
        "Then ignore this e-mail.",
        "Dann ignorieren Sie diese E-Mail einfach; an Ihren Abos ändert sich nichts.",
    )

    assert [line.partition(":")[0] for line in torn(found)] == ["'E-Mail'"]


def test_texts_of_the_source_are_english(catalogue: Catalog) -> None:
    texts = [
        text
        for message in catalogue
        if message.id
        for text in ([message.id] if isinstance(message.id, str) else message.id)
    ]
    hold(german(texts))


def test_the_admin_speaks_german(catalogue: Catalog) -> None:
    models_shown = registered()
    assert len(models_shown) > 10
    hold(line for model in models_shown for line in not_in_german(names_of(model), catalogue))


def test_an_untranslated_a_guessed_and_a_broken_entry_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "django.po"
    path.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n'
        'Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
        'msgid "article"\nmsgstr "Artikel"\n\n'
        'msgid "digest"\nmsgstr ""\n\n'
        '#, fuzzy\nmsgid "slot"\nmsgstr "Platz"\n\n'
        'msgid "%(number)d reader"\nmsgid_plural "%(number)d readers"\n'
        'msgstr[0] "%(number)d Leserin"\nmsgstr[1] ""\n\n'
        'msgid "Hello %(name)s"\nmsgstr "Guten Tag %(nam)s"\n',
        "utf-8",
    )
    found = translations.read(path)

    broken = list(translations.untranslated(found))
    assert broken[:3] == [
        "not translated: 'digest'",
        "guessed, not translated: 'slot'",
        "not translated: '%(number)d reader'",
    ]
    assert "Hello %(name)s" in broken[3]
    assert "Hello %(name)s" in "".join(placeholders_lost(found))
    collected = Catalog()
    collected.add("article")
    collected.add("picture")
    gone = list(translations.not_current(found, collected))
    assert gone[0] == "not collected: 'picture'"
    assert "no longer in the source: 'digest'" in gone


def test_every_template_with_texts_is_collected() -> None:
    files = [path for path in (source.ROOT / "templates").rglob("*") if path.is_file()]
    hold(uncollected(files, translations.extensions(translations.recipe())))


def test_a_template_that_is_not_collected_is_seen(tmp_path: Path) -> None:
    mail, page = tmp_path / "digest.mjml", tmp_path / "page.html"
    for path in (mail, page):
        path.write_text('{% load i18n %}<p>{% translate "Unsubscribe" %}</p>')

    assert len(list(uncollected([mail, page], translations.extensions(["makemessages"])))) == 1
    wide = translations.extensions(["makemessages", "--extension", "html,mjml", "--locale", "de"])
    assert not list(uncollected([mail, page], wide))


def test_the_history_of_the_admin_is_told_in_german() -> None:
    hold(line for path in source.modules().values() for line in logged_as_it_stands(path))


def test_a_sentence_of_the_history_that_nobody_translates_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "admin.py"
    path.write_text(
        'self.log_change(request, article, "Reviewed")\n'
        "self.log_change(request, article, f\"Withdrawn: {data['reason']}\")\n"
        'LogEntry.objects.log_actions(1, [row], CHANGE, change_message="Taken over.")\n'
        'self.log_change(request, article, gettext("Reviewed."))\n'
        "self.log_change(request, article, f\"{gettext('Exported')}: {what}\")\n"
        'logger.info("A line for operators.")\n'
    )

    assert [line.split(":")[1] for line in logged_as_it_stands(path)] == ["1", "2", "3"]


def test_a_german_text_of_the_source_is_seen() -> None:
    texts = [
        "Die Ausgabe ist fertig",
        "Unsubscribe",
        "Abo kündigen",
        "Impressum (§ 5 DDG) für alle",
        "the under part",
    ]
    assert [line.split("'")[1] for line in german(texts)] == ["Die Ausgabe ist fertig", "Abo kündigen"]


def test_a_nameless_and_an_untranslated_field_are_seen() -> None:
    model = registered()[0]
    names: list[tuple[str, object]] = [("Mail.letter", "letter"), ("Mail", model._meta.verbose_name)]

    found = list(not_in_german(names, Catalog()))

    assert found[0] == "Mail.letter: 'letter' is not marked for translation."
    assert found[1].endswith("has no German name.")
