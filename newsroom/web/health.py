"""For those who watch over the site: it runs, it is ready, how it is doing."""

import ipaddress

import prometheus_client
import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from newsroom.web.proxies import client_address


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers. Asks nobody else, so that a database at rest does not get us restarted."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """503 without the database; without Redis still 200, because sign-ups go on and the sweep sends later."""
    database, broker = _database_answers(), _redis_answers()
    return JsonResponse({"database": database, "redis": broker}, status=200 if database else 503)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus, for this machine and for staff; others are told that there is no such page."""
    if not (_is_local(request) or _is_staff(request)):
        return HttpResponseNotFound()
    return HttpResponse(
        prometheus_client.generate_latest(), content_type=prometheus_client.CONTENT_TYPE_LATEST
    )


def _is_staff(request: HttpRequest) -> bool:
    """Staff whose second factor was seen, where one is asked for."""
    user = request.user
    return (
        user.is_active
        and getattr(user, "is_staff", False)
        and (not settings.SECOND_FACTOR or bool(getattr(user, "is_verified", lambda: False)()))
    )


def _is_local(request: HttpRequest) -> bool:
    # A proxy on this machine looks like this machine itself if nobody named it in TRUSTED_PROXIES, or if it says
    # the protocol only. What watches over us asks without one.
    is_forwarded = getattr(request, "is_forwarded", False)
    return not is_forwarded and ipaddress.ip_address(client_address(request)).is_loopback


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone() is not None
    except DatabaseError:
        return False


def _redis_answers() -> bool:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
