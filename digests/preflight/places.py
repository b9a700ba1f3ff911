"""Rules about slots and about how the stories mix."""

from collections import defaultdict

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests.doubles import as_read, key_of_author, key_of_section, listed
from digests.models import Pick
from digests.preflight.registry import Desk, Flaws, advises, blocks, named, target_of
from digests.preflight.slot_names import name_of

MIXED_FROM = 3
"""With fewer stories than this nobody expects several sections."""

MOST_OF_ONE_AUTHOR = 2


@blocks("slot_underfull")
def slot_is_full_enough(desk: Desk) -> Flaws:
    for slot in desk.digest.slots:
        if missing := max(0, slot["minimum"] - _size(desk, slot["key"])):
            message = ngettext(
                "%(slot)s: %(number)d story is missing.", "%(slot)s: %(number)d stories are missing.", missing
            )
            yield message % {"slot": name_of(slot), "number": missing}, f"slot-{slot['key']}"


@blocks("slot_overfull")
def slot_is_not_too_full(desk: Desk) -> Flaws:
    for slot in desk.digest.slots:
        if over := max(0, _size(desk, slot["key"]) - slot["maximum"]):
            message = ngettext(
                "%(slot)s: %(number)d story too many.", "%(slot)s: %(number)d stories too many.", over
            )
            yield message % {"slot": name_of(slot), "number": over}, f"slot-{slot['key']}"


@blocks("nothing_picked")
def there_is_something_to_read(desk: Desk) -> Flaws:
    if not any(_size(desk, slot["key"]) for slot in desk.digest.slots):
        yield _("The digest holds no story yet."), "candidates"


@blocks("empty_week")
def there_was_a_week(desk: Desk) -> Flaws:
    """Whoever reads the best of the week wants what there was; stories picked by hand do not make a week."""
    if desk.past.is_empty_week:
        yield (
            _("No digest went out this week: there is nothing to take the best of. Skip this one."),
            "candidates",
        )


@advises("one_section")
def sections_are_mixed(desk: Desk) -> Flaws:
    """The last story is the one to exchange; its place offers what to do."""
    sections = {pick.article.section for pick in desk.picks}
    if len(desk.picks) >= MIXED_FROM and len(sections) == 1 and (section := sections.pop()):
        *others, last = as_read(desk.digest, desk.picks)
        if key_of_section(last) in last.let_stand:
            return
        message = _("“%(title)s” is from one section with all others, %(section)s: %(others)s.")
        yield message % {**named(last), "section": section, "others": listed(others)}, target_of(last)


@advises("third_by_author")
def authors_are_mixed(desk: Desk) -> Flaws:
    """Of one person's stories beyond two the first that the desk did not let stand."""
    seen: defaultdict[int, list[Pick]] = defaultdict(list)
    told: set[int] = set()
    for pick in as_read(desk.digest, desk.picks):
        for byline in pick.article.bylines.all():
            others, author = seen[byline.author_id], byline.author_id
            is_let = author in told or key_of_author(author) in pick.let_stand
            if len(others) >= MOST_OF_ONE_AUTHOR and not is_let:
                told.add(author)
                message = _("“%(title)s” is story %(number)d by %(author)s, after %(others)s.")
                yield (
                    message
                    % {
                        **named(pick),
                        "number": len(others) + 1,
                        "author": byline.author.name,
                        "others": listed(others),
                    },
                    target_of(pick),
                )
            others.append(pick)


def _size(desk: Desk, key: str) -> int:
    return sum(pick.slot == key for pick in desk.picks)
