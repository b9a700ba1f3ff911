"""Newsroom's settings with a demo's patience: a killed worker costs seconds here, where it costs an hour in earnest.

The inbox is on this machine and answers in milliseconds, so nobody has to wait long for an answer or for proof.
"""

from newsroom.settings import *  # noqa: F403

DELIVERY_LEASE_SECONDS = 10
DELIVERY_CALL_SECONDS = 10
DELIVERY_MARGIN_SECONDS = 2
DELIVERY_UNKNOWN_SECONDS = 10
