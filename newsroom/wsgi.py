"""WSGI entry point, for gunicorn."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsroom.settings")

application = get_wsgi_application()

# What is loaded by now stays for good: without it each long collection walks all of Django once more, in the middle of
# somebody's page.
gc.collect()
gc.freeze()
