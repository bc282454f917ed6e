"""The WSGI application."""

import gc

import django
from django.core.handlers.wsgi import WSGIHandler
from django.urls import resolve

from symdepot.server import config

config.name_django_settings()
django.setup(set_prefix=False)

# Load the routes and their modules now, not during the first request.
resolve("/health/live")

# Imported here, since it needs Django to be set up.
from symdepot.protocols.debuginfod.fast_path import FastPath  # noqa: E402
from symdepot.protocols.request_body import BodyRequest  # noqa: E402

_handler = WSGIHandler()
_handler.request_class = BodyRequest
application = FastPath(_handler)

# A response with 10,000 frames creates 100,000 short-lived objects. With the default
# thresholds, the search for cycles among them took a third of the time of the request.
gc.freeze()
gc.set_threshold(100_000, 20, 20)
