"""Who may do what in the admin: five groups, made by a migration and brought up to date by running `bring_up_to_date`."""

from collections.abc import Mapping
from typing import Any

_DESK = ("articles.article", "articles.author", "articles.byline", "articles.picture", "articles.correction")
_DIGESTS = ("digests.digest", "digests.pick", "digests.mark")
# Whoever sees a story may want it in a newsletter; the desk decides.
_WISH = "digests.add_mark"
# What the desk writes beside a digest: who gets its tests, and the mails that correct it.
_BESIDE = ("digests.colleague", "digests.correctionmail")
_LEDGER = (
    "delivery.mailing",
    "delivery.batch",
    "delivery.attempt",
    "delivery.delivery",
    "delivery.providerstate",
    "delivery.quotaday",
)
_READERS = ("subscriptions.subscriber", "subscriptions.subscription", "subscriptions.consentevent")
_TRANSFER = {
    "subscriptions.add_subscriberimport",
    "subscriptions.view_subscriberimport",
    "subscriptions.export_subscribers",
    "subscriptions.erase_subscriber",
}


def _may(verbs: str, models: tuple[str, ...]) -> set[str]:
    return {
        f"{app}.{verb}_{model}"
        for verb in verbs.split()
        for app, model in (name.split(".") for name in models)
    }


_LOOK = _may(
    "view",
    (
        *_DESK,
        *_DIGESTS,
        *_BESIDE,
        "articles.section",
        "articles.feed",
        "digests.plan",
        "digests.slotrule",
        "digests.proof",
        "digests.approval",
        "digests.digestversion",
        "digests.link",
        "subscriptions.newsletter",
        "delivery.mailing",
        "mail.incident",
    ),
)

ROLES: Mapping[str, set[str]] = {
    # Curates and proposes.
    "Redaktion": _LOOK
    | _may("add change", (*_DESK, *_DIGESTS, *_BESIDE))
    | {"digests.change_link"}
    | _may("delete", ("digests.pick", "digests.mark", "articles.byline")),
    # Reads, approves or returns, schedules and stops.
    "Abnahme": _LOOK
    | _may("add change", _BESIDE)
    | {
        _WISH,
        "digests.change_digest",
        "digests.change_link",
        "digests.approve_digest",
        "digests.send_digest",
        "delivery.decide_held",
    },
    # Looks after submissions and readers.
    "Community": _LOOK
    | _may("change", ("articles.article", "subscriptions.subscription"))
    | _may("add delete", ("subscriptions.suppression",))
    | _may("view", (*_READERS, "mail.letter", "subscriptions.suppression"))
    | {_WISH, "subscriptions.erase_subscriber"},
    # Runs the machine: feeds, plans, providers, the ledger.
    "Betrieb": _LOOK
    | _may(
        "add change",
        (
            "articles.apitoken",
            "articles.feed",
            "articles.section",
            "digests.plan",
            "digests.slotrule",
            "subscriptions.newsletter",
            "subscriptions.sender",
        ),
    )
    | _may("delete", ("digests.slotrule",))
    | _may(
        "view",
        (
            *_LEDGER,
            *_READERS,
            "articles.apitoken",
            "mail.letter",
            "mail.providerevent",
            "subscriptions.sender",
            "subscriptions.suppression",
        ),
    )
    | _may("change", ("mail.incident", "mail.letter"))
    | {
        _WISH,
        "digests.change_link",
        "digests.send_digest",
        "delivery.decide_held",
        "admin.view_logentry",
        "mail.view_heartbeat",
    }
    | _TRANSFER,
    # Looks at everything the desk sees and changes nothing.
    "Lesend": _LOOK,
}


def bring_up_to_date(groups: Any, permissions: Any) -> None:
    """Give each group exactly its permissions; takes the managers, so that a migration can bring historical ones.

    A permission that a later migration makes is given by that one.
    """
    by_name = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in permissions.select_related("content_type")
    }
    for name, wanted in ROLES.items():
        group, _ = groups.get_or_create(name=name)
        # Permissions that a later migration adds are not there yet; it runs this again.
        group.permissions.set([by_name[permission] for permission in sorted(wanted & by_name.keys())])
