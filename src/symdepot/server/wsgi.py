"""What answers requests, for a server that speaks WSGI."""

from django.core.wsgi import get_wsgi_application
from django.urls import resolve

from symdepot.server import config

config.name_django_settings()
django = get_wsgi_application()

# Django would read its routes, and all behind them, while the first client waits.
resolve("/health/live")

# Only now, since it needs Django to be set up.
from symdepot.protocols.debuginfod.short_way import ShortWay  # noqa: E402

application = ShortWay(django)
