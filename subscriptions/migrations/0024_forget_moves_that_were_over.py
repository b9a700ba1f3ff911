"""Who moved and then signed up anew at her former address reads there: that subscription goes on nowhere else.

Links in its mails led to the other address nevertheless, and could lead back from there without an end.
"""

from typing import Final

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Q

_AT_ONCE: Final = 1_000
_AGREED: Final = ("confirmed", "restored", "imported")


def forget(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Also of those that she has left again since: the record says whether she came or moved last."""
    alias = schema_editor.connection.alias
    moved = (
        apps.get_model("subscriptions", "Subscription").objects.using(alias).filter(moved_to__isnull=False)
    )
    events = apps.get_model("subscriptions", "ConsentEvent").objects.using(alias)
    came_or_moved = events.filter(
        Q(kind__in=_AGREED) | Q(kind="unsubscribed", facts__because="moved")
    ).order_by("pk")
    over = []
    for pk, state, subscriber, newsletter in moved.values_list(
        "pk", "state", "subscriber_id", "newsletter_id"
    ):
        last = came_or_moved.filter(subscriber_id=subscriber, newsletter_id=newsletter).last()
        if state == "active" or (last is not None and last.kind in _AGREED):
            over.append(pk)
    for start in range(0, len(over), _AT_ONCE):
        moved.filter(pk__in=over[start : start + _AT_ONCE]).update(moved_to=None)


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0023_keep_which_words_were_seen")]

    # There is no way back, and nothing to bring back: it was not true.
    operations = [migrations.RunPython(forget, migrations.RunPython.noop, elidable=True)]
