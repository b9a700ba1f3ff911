"""Running the rules: whole, with the mail rendered, or at a glance for lists."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from digests import dead_links
from digests.doubles import Sent
from digests.models import Digest, LinkCheck, Pick
from digests.preflight.past import glance_back, look_back
from digests.preflight.registry import RULES, Desk, Finding
from digests.rendering import Rendered, render
from digests.stories import picks_of


class Report(list[Finding]):
    """The findings, blocking ones first; links_checked_at: the oldest look at a link, if each was looked at."""

    links_checked_at: datetime | None = None


def check(
    digest: Digest,
    *,
    at: datetime,
    rendered: Rendered | None = None,
    lately: Sent | None = None,
) -> Report:
    """All findings. lately: as `doubles.sent_lately` found it, if it was asked before. Queries: 5, and those of `render` if the digest is not rendered yet; none of them grows.

    Links are judged by the last look at them, which a job takes: nothing here waits for the network.
    """
    picks = tuple(picks_of(digest))
    link_checks = dead_links.known(dead_links.addresses(digest, picks))
    desk = Desk(
        digest=digest,
        picks=picks,
        at=at,
        rendered=rendered or render(digest),
        past=look_back(digest, picks=picks, at=at, lately=lately),
        link_checks=link_checks,
    )
    report = Report(_findings(desk))
    report.links_checked_at = _oldest(link_checks.values())
    return report


def glance(
    digests: Collection[Digest], *, picks: Mapping[int, Sequence[Pick]], at: datetime
) -> dict[int, list[Finding]]:
    """What can be found of many digests without rendering them, by digest, blocking ones first. Queries: 2, and 1 more for all best-ofs.

    picks: by digest, with what `stories.with_stories` reads; digests: `with_frame()`. A mail takes milliseconds to
    render, too dear for a list: its size and whether its template shows the link to leave are left to `check`.
    """
    wanted = {
        url: None for digest in digests for url in dead_links.addresses(digest, picks.get(digest.pk, ()))
    }
    link_checks = dead_links.known(list(wanted))
    past = glance_back(digests, picks=picks, at=at)
    return {
        digest.pk: _findings(
            Desk(
                digest=digest,
                picks=tuple(picks.get(digest.pk, ())),
                at=at,
                past=past[digest.pk],
                link_checks=link_checks,
            )
        )
        for digest in digests
    }


def _findings(desk: Desk) -> list[Finding]:
    found = [finding for rule in RULES.values() for finding in rule.findings(desk)]
    return sorted(found, key=lambda finding: not finding.blocks)


def _oldest(checks: Iterable[LinkCheck]) -> datetime | None:
    return min((check.looked_at for check in checks), default=None)
