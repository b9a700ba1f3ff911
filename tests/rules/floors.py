"""Which floor each file of an app is on. A file that is not named here belongs to no floor yet.

values (no database) < records (models, querysets) < services (no request, no form, no task) < edges (views, admin,
tasks, commands). A name without a dot stands for a file or a whole package; the longest name that fits decides, so
`providers.base` may be on another floor than the rest of `providers`.
"""

from enum import IntEnum
from typing import Final


class Floor(IntEnum):
    """An import leads to the same floor or to a lower one, in the same app and in every app below it."""

    VALUES = 0
    RECORDS = 1
    SERVICES = 2
    EDGES = 3


# Each may import itself and those before it. The site's own files stand above all and are imported by nobody.
APPS: Final = (
    "newsroom.web",
    "newsroom.mail",
    "newsroom.articles",
    "subscriptions",
    "digests.delivery",
    "digests",
)
STAGES: Final = ("newsroom.demo", "newsroom.sandbox")

_EVERYWHERE: Final[dict[Floor, str]] = {
    Floor.VALUES: "__init__ errors states",
    Floor.RECORDS: "models",
    Floor.SERVICES: "queue",
    Floor.EDGES: "admin api apps checks forms management tasks templatetags urls views",
}

_HOUSE: Final[dict[str, dict[Floor, str]]] = {
    "newsroom.web": {
        Floor.VALUES: "guard hyphens masking moments patience tokens",
        Floor.SERVICES: "access_log cache clock error_reports fetching keys logs stamps tags throttles",
        Floor.EDGES: "form_html health kept_pages pages proxies redirects robots",
    },
    "newsroom.mail": {
        Floor.VALUES: "addresses bounces encoding families headers inspection mails plain_text provider_urls providers.base severity slots verdicts wire",
        Floor.SERVICES: "bounce_mailbox events heartbeats incidents letters notices providers recipient_domains retention sender_domains",
        Floor.EDGES: "liveness metrics refusing webhooks",
    },
    "newsroom.articles": {
        Floor.VALUES: "credits drafts feed_text grouping labelled languages links markdown_text page_html page_text similarity text",
        Floor.SERVICES: "clustering cuts feeds handing_in intake pages pasting pictures publishing structured_data",
        Floor.EDGES: "token_admin",
    },
    "subscriptions": {
        Floor.VALUES: "other_sites sources transfer.cells transfer.formats transfer.judging transfer.parts transfer.reading wording",
        Floor.SERVICES: "audiences consent correspondence ended_best_ofs evidence facts moves privacy publishing retention settings_links signing_up soft_bounces suppression transfer",
        Floor.EDGES: "export_pages import_pages newsletter_admin reader_acts settings_form",
    },
    "digests.delivery": {
        Floor.VALUES: "remedies runs steps",
        Floor.SERVICES: (
            "auditing canary circuits claiming complaints completion control events failing_over figures footers forgetting freezing held history holding journal ladder ledger limits loading"
            " parting pump quotas reader_copies reader_history recipients reconciling renditions settling sizes spending sweeping tried turns"
        ),
        Floor.EDGES: "held_pages mailing_pages reader_pages",
    },
    "digests": {
        Floor.VALUES: "choosing comparing countdown credits machines merging ranking recurrence roles weights",
        Floor.SERVICES: (
            "access approval_tokens approving archive board bursts clicks colleagues correcting correspondence curation dead_links doubles duty envelopes exporting health history insights links loosening marking mjml moving planning preflight presence reasons reminding rendering retention saving selection self_check signatures skipping staff stories swapping"
            " transitions underway wall_clock withdrawing workflow"
        ),
        Floor.EDGES: "after_pages after_panel approval_page board_page composer limited_admin limits_backend marking_page plan_fields plan_forms progress rehearsal_page self_check_page staff_admin syndication",
    },
}

FLOORS: Final[dict[str, dict[str, Floor]]] = {
    app: {
        name: floor
        for table in (_EVERYWHERE, named)
        for floor, names in table.items()
        for name in names.split()
    }
    for app, named in _HOUSE.items()
}
NAMED: Final[dict[str, set[str]]] = {
    app: {name for names in named.values() for name in names.split()} for app, named in _HOUSE.items()
}


def app_of(module: str) -> str:
    """The app, stage or (nothing) the site's own ground that a module belongs to; `digests.delivery` is no part of `digests`."""
    inside = [name for name in (*APPS, *STAGES) if module == name or module.startswith(f"{name}.")]
    return max(inside, key=len, default="")


def floor_of(module: str) -> Floor | None:
    """The floor of a module of an app; None where the table does not name it."""
    app = app_of(module)
    inside = module.removeprefix(app).lstrip(".").split(".")
    if inside == [""]:
        return Floor.VALUES
    table = FLOORS[app]
    for length in range(len(inside), 0, -1):
        if (floor := table.get(".".join(inside[:length]))) is not None:
            return floor
    return None
