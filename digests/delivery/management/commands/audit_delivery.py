"""Recounts mailings from their rows: `audit_delivery 12`, `audit_delivery --all --json`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from digests.delivery.auditing import Audit, audit
from digests.delivery.models import Mailing


class Command(BaseCommand):
    help = "Recount what became of every copy. Exit status 1, and each problem by row, if the account does not hold."

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("mailing", nargs="?", type=int, help="the number of a mailing")
        which.add_argument("--all", action="store_true", help="every mailing")
        parser.add_argument("--json", action="store_true", help="one object per line for each mailing")

    def handle(self, *args: Any, **options: Any) -> None:
        mailings = Mailing.objects.order_by("pk")
        if not options["all"]:
            mailings = mailings.filter(pk=options["mailing"])
            if not mailings:
                raise CommandError(f"There is no mailing {options['mailing']}.")
        broken = 0
        for mailing in mailings:
            result = audit(mailing)
            broken += not result.holds
            self.stdout.write(_as_json(result) if options["json"] else _as_text(result))
        if broken:
            raise CommandError(
                f"The account does not hold for {broken} of {len(mailings)} mailings.", returncode=1
            )


def _as_json(result: Audit) -> str:
    facts: dict[str, Any] = {"mailing": result.mailing_id, "state": result.state, "frozen": result.frozen}
    if result.forgotten_at:
        facts["copies_forgotten_at"] = result.forgotten_at.isoformat()
    return json.dumps({**facts, **result.counts, "holds": result.holds, "problems": result.problems})


def _as_text(result: Audit) -> str:
    sum_ = " + ".join(f"{count} {name}" for name, count in result.counts.items() if count) or "0"
    verdict = "holds" if result.holds else "DOES NOT HOLD"
    if result.forgotten_at:
        verdict += f" (totals; its copies were forgotten on {result.forgotten_at:%Y-%m-%d})"
    lines = [f"Mailing {result.mailing_id} ({result.state}): {sum_} = {result.frozen} frozen: {verdict}"]
    return "\n".join([*lines, *(f"  {problem}" for problem in result.problems)])
