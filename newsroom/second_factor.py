"""The second factor of staff: who is through, how a phone is enrolled, what stands in for a lost one.

Codes are time-based (RFC 6238), made by any authenticator app; django-otp keeps the devices and slows guessing down: the
wait doubles with each wrong code.
"""

import secrets
from base64 import b32encode
from typing import Any

import qrcode
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe
from django_otp import login, match_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from qrcode.image.svg import SvgPathImage

RECOVERY_CODES = 8
# Without the letters and digits that look alike on paper.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def is_through(request: HttpRequest) -> bool:
    """Whether this session may enter where a second factor is asked for. Queries: 1 per request, the device."""
    return not bool(settings.SECOND_FACTOR) or bool(getattr(request.user, "is_verified", lambda: False)())


def is_enrolled(user: Any) -> bool:
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def device_to_enrol(user: Any) -> TOTPDevice:
    """The device that waits for its first code; the same until it is confirmed, so that reloading changes nothing."""
    with transaction.atomic():
        device = TOTPDevice.objects.filter(user=user, confirmed=False).order_by("pk").first()
        return device or TOTPDevice.objects.create(user=user, name="app", confirmed=False)


def secret(device: TOTPDevice) -> str:
    """The secret for typing: base32 in groups of four."""
    text = b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def picture(device: TOTPDevice) -> SafeString:
    """The QR code as inline SVG: no address to fetch, nothing in a cache."""
    svg = qrcode.make(device.config_url, image_factory=SvgPathImage, border=4).to_string(encoding="unicode")
    return mark_safe(svg)  # noqa: S308 — drawn here from our own data, paths only


def enrol(request: HttpRequest, device: TOTPDevice, code: str) -> list[str]:
    """Confirm the device with its first code and make new recovery codes, returned this once; none if it is wrong."""
    with transaction.atomic():
        locked = TOTPDevice.objects.select_for_update().get(pk=device.pk)
        if is_enrolled(request.user) or not locked.verify_token(code):
            return []
        locked.confirmed = True
        locked.save(update_fields=["confirmed"])
        codes = _new_recovery_codes(request.user)
    login(request, locked)
    return codes


def verify(request: HttpRequest, code: str) -> bool:
    """Let the session through if a code of the app or an unused recovery code matches; each counts once."""
    if device := match_token(request.user, code):
        login(request, device)
    return device is not None


def _new_recovery_codes(user: Any) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery", confirmed=True)
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(12)) for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes
