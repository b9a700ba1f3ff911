"""Figures of mail for Prometheus, counted when asked for."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from newsroom.mail.models import Incident, Letter, ProviderEvent
from newsroom.mail.states import LetterState
from newsroom.web import clock


class MailCollector(Collector):
    """Letters that wait, events not yet applied, open incidents. Queries: 4."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: so that registering asks no database."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            figures = _figures()
        except DatabaseError:
            return
        for name, (meaning, value) in figures.items():
            yield GaugeMetricFamily(name, meaning, value=value)


def _figures() -> dict[str, tuple[str, float]]:
    at = clock.now()
    letters = Letter.objects.filter(state__in=[LetterState.WAITING, LetterState.CALLING]).aggregate(
        number=Count("pk"), oldest=Min("created_at")
    )
    age = at - letters["oldest"] if letters["oldest"] else timedelta(0)
    unapplied = ProviderEvent.objects.filter(applied_at__isnull=True).count()
    return {
        "newsroom_letters_waiting": ("Letters not sent yet.", letters["number"]),
        "newsroom_letters_oldest_seconds": ("Age of the oldest of them.", max(0.0, age.total_seconds())),
        "newsroom_events_unapplied": ("Provider events not applied yet.", unapplied),
        "newsroom_incidents_open": ("Incidents nobody resolved.", Incident.objects.open().count()),
    }
