"""What granian serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "symdepot.server.settings")  # noqa: TID251 -- Django is told where to look, before anything can be configured

application = get_wsgi_application()
