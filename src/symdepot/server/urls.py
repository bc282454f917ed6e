"""Which protocol answers where."""

from django.urls import path
from ninja import NinjaAPI

from symdepot.protocols.sentry import assemble, chunks, debug_files, legacy
from symdepot.protocols.sentry.errors import speak_errors
from symdepot.server import health

sentry_api = NinjaAPI(
    title="Sentry debug files", urls_namespace="sentry", docs_url=None
)
for module in (chunks, assemble, legacy, debug_files):
    sentry_api.add_router("", module.router)
speak_errors(sentry_api)

urlpatterns = [
    path("api/0/", sentry_api.urls),
    path("health/live", health.live),
    path("health/ready", health.ready),
]

handler404 = "symdepot.protocols.sentry.errors.nothing_there"
