"""The link in a request for approval: it stands for one proof and one colleague, and for nothing else."""

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse

from digests.models import Proof
from newsroom.web.tokens import TokenKind, make, read

_USER_BITS = 24
"""Sixteen million colleagues; the proofs have the other forty bits."""


def approval_url(proof: Proof, user: User) -> str:
    """The address at which this colleague decides about this proof. Raises OverflowError past the bits."""
    if user.pk >> _USER_BITS:
        raise OverflowError(f"The key {user.pk} of a user has more than {_USER_BITS} bits.")
    token = make(TokenKind.APPROVAL, proof.pk << _USER_BITS | user.pk)
    return f"{settings.SITE_URL}{reverse('approve', args=[token])}"


def proof_and_user(token: str) -> tuple[int, int]:
    """The keys of the proof and of the colleague. Raises BadToken."""
    number = read(TokenKind.APPROVAL, token)
    return number >> _USER_BITS, number & ((1 << _USER_BITS) - 1)
