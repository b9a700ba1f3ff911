"""Newsroom's settings with little patience, for the killed worker: what takes minutes in earnest takes seconds here."""

from newsroom.settings import *  # noqa: F403

DELIVERY_LEASE_SECONDS = 2
DELIVERY_CALL_SECONDS = 3
DELIVERY_MARGIN_SECONDS = 1
DELIVERY_UNKNOWN_SECONDS = 2
