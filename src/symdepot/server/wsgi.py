"""What answers requests, for a server that speaks WSGI."""

import gc

from django.core.wsgi import get_wsgi_application
from django.urls import resolve

from symdepot.server import config

config.name_django_settings()
django = get_wsgi_application()

# Django would read its routes, and all behind them, while the first client waits.
resolve("/health/live")

# Only now, since it needs Django to be set up.
from symdepot.protocols.debuginfod.fast_path import FastPath  # noqa: E402

application = FastPath(django)

# What is here stays, and an answer with 10,000 frames makes 100,000 objects that are gone
# when it is sent: to look for cycles among them every 2,000 took a third of its time.
gc.freeze()
gc.set_threshold(100_000, 20, 20)
