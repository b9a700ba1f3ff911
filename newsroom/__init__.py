"""Newsroom: the newsletter system for newsrooms.

The site and its ground floor: settings, URLs and Celery here; `web` and `mail` carry everything above them,
`articles` holds what the newsroom published, `demo` and `sandbox` run the whole on one machine.
"""

from newsroom.celery import app as celery_app

__all__ = ["celery_app"]
