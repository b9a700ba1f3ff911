"""Likeness of two pieces: addresses, compounds, rubrics, and what is stored of a piece."""

import datetime as dt

from newsroom.articles.grouping import Groups, group
from newsroom.articles.similarity import WINDOW, Fingerprint, fingerprint, pack, place, unpack
from tests.factories import NOON


def _piece(title: str, text: str = "", *, url: str = "", days: float = 0) -> Fingerprint:
    return fingerprint(url=url, title=title, text=text, at=NOON + dt.timedelta(days=days))


LIBRARY = "Die Stadtbücherei Grünau öffnet sonntags, Leiterin Merle Tannhoff plant ein Lesesaalcafé."
REWRITTEN = (
    "Grünaus Stadt-Bücherei bekommt ein Café im Lesesaal und einen offenen Sonntag, so Merle Tannhoff."
)
OTHER = "Der Bauhof räumt am Deich auf, Treibholz liegt dort seit dem Sturm meterhoch."


def test_one_page_written_two_ways_is_one_place_and_a_front_page_is_none() -> None:
    assert place("http://www.example.org/a?utm_source=x") == place("https://example.org/a/") != ""
    assert place("https://example.org/") == ""


def test_a_rewrite_with_its_compounds_split_is_the_same_event() -> None:
    pieces = {"a": _piece("Bücherei sonntags offen", LIBRARY), "b": _piece("Café im Lesesaal", REWRITTEN)}

    assert [set(found) for found in group(pieces | {"c": _piece("Treibholz", OTHER)})] == [{"a", "b"}]


def test_one_address_is_one_event_whatever_it_says_and_only_within_the_window() -> None:
    def both(days: float) -> list[list[str]]:
        return group(
            {
                "a": _piece("Pegel steigt", LIBRARY, url="https://example.org/ticker"),
                "b": _piece(
                    "Alles ruhig", OTHER, url="http://www.example.org/ticker/?utm_medium=x", days=days
                ),
            }
        )

    assert len(both(1)) == 1
    assert both(WINDOW.days + 1) == []


def test_instalments_of_a_rubric_are_no_event_but_an_update_is() -> None:
    closing = "Verletzt wurde niemand, die Polizei in Lindenufer nimmt Hinweise entgegen."
    mirror = f"Ein Lieferwagen streifte in der Gartenstraße einen Außenspiegel. {closing}"
    fence = f"Ein Traktor riss am Mühlgraben Teile des Holzzauns um. {closing}"

    def found(rubric: str) -> list[list[str]]:
        pieces = {
            "a": _piece(f"{rubric}: Spiegel kaputt", mirror),
            "b": _piece(f"{rubric}: Zaun kaputt", fence),
        }
        return group(pieces)

    assert found("Polizeibericht") == []
    assert len(found("Aktualisiert")) == 1


def test_a_chain_of_neighbours_is_no_group() -> None:
    groups = Groups({("a", "b"): 0.5, ("b", "c"): 0.5})

    groups.join([(0.5, "a", "b"), (0.49, "b", "c")])

    assert [sorted(found) for found in groups.found()] == [["a", "b"]]


def test_an_editors_word_goes_before_likeness() -> None:
    pieces = {"a": _piece("Bücherei", LIBRARY), "b": _piece("Lesesaal", LIBRARY), "c": _piece("Holz", OTHER)}

    assert group(pieces, apart=[("a", "b")]) == []
    assert [set(found) for found in group(pieces, together=[("a", "c")], apart=[("a", "b")])] == [{"a", "c"}]


def test_grams_survive_being_stored() -> None:
    grams = _piece("Bücherei", LIBRARY).grams

    assert unpack(memoryview(pack(grams))) == grams
