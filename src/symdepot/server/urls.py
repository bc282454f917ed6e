"""The routes of all protocols."""

from functools import partial

from django.urls import URLPattern, include, path, re_path
from ninja import NinjaAPI

from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.projects.tokens import URL_PREFIX
from symdepot.protocols import auth
from symdepot.protocols.breakpad import downloads as breakpad
from symdepot.protocols.debuginfod import info
from symdepot.protocols.debuginfod import views as debuginfod
from symdepot.protocols.eliot import views as eliot
from symdepot.protocols.sentry import (
    account,
    chunk_upload,
    debug_files,
    legacy,
    releases,
    text_symbolication,
    wanted_ids,
)
from symdepot.protocols.sentry.errors import add_error_handlers
from symdepot.protocols.symbolicator import api_description, jvm, native
from symdepot.protocols.symbolicator import errors as symbolicator
from symdepot.protocols.symstore import downloads as symstore
from symdepot.protocols.symstore import log as symstore_admin
from symdepot.server import health, openapi

_new_api = partial(NinjaAPI, docs_url=None, openapi_url=None)

# With `auth`, the caller is identified before parameters are parsed.
sentry_api = _new_api(urls_namespace="sentry", auth=auth.caller)
# A version may contain slashes: `legacy` has paths below a release, so it comes before
# `releases`.
for module in (
    account,
    chunk_upload,
    legacy,
    debug_files,
    wanted_ids,
    text_symbolication,
    releases,
):
    sentry_api.add_router("", module.router)
add_error_handlers(sentry_api)

symbolicator_api = _new_api(urls_namespace="symbolicator")
for views in (native, jvm):
    symbolicator_api.add_router("", views.router)
symbolicator.add_error_handlers(symbolicator_api)

eliot_api = _new_api(urls_namespace="eliot")
eliot_api.add_router("/symbolicate", eliot.router)
eliot.add_error_handlers(eliot_api)


def patterns(api: NinjaAPI) -> list[URLPattern]:
    """Return the routes of `api`, without the page that ninja puts at its root."""
    routes = [route for route in api.urls[0] if isinstance(route, URLPattern)]
    return [route for route in routes if route.name != "api-root"]


# Paths are not normalized: repeated slashes and dots are matched as they are. The last
# pattern matches everything that is left, so it must stay last.
read_patterns = [
    *patterns(symbolicator_api),
    *patterns(eliot_api),
    # Files of symbol servers have three segments, or one.
    re_path(r"^/*symbolicate/+[^/]*/*$", eliot.unknown_path),
    re_path(r"^/*$", info.about),
    re_path(r"^/*metadata$", info.metadata),
    re_path(r"^/*metrics$", info.metrics),
    re_path(r"^/*buildid/(?P<rest>(?s:.*))$", debuginfod.by_build_id),
    re_path(
        r"^/*unified/(?P<path>(?s:.*))$", symstore.by_path, {"layout": Layout.UNIFIED}
    ),
    re_path(
        r"^/*native/(?P<path>(?s:.*))$", symstore.by_path, {"layout": Layout.NATIVE}
    ),
    re_path(r"^/*(?i:000admin)/+(?P<name>[^/]+)$", symstore_admin.admin),
    re_path(r"^/*(?:proxy/)?(?P<path>(?s:.*)(?i:\.sym))$", breakpad.by_path),
    re_path(r"^/*(?:proxy/)?(?P<path>(?!api/)(?s:.+))$", symstore.by_path),
]

urlpatterns = [
    path("api/0/", sentry_api.urls),
    path(
        "openapi.json",
        openapi.openapi_view(
            [("/api/0/", sentry_api), ("/", symbolicator_api), ("/", eliot_api)],
            api_description.COMPONENTS,
        ),
    ),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("__lbheartbeat__", health.live),
    path("__heartbeat__", health.ready),
    path("__version__", health.version),
    re_path(rf"^/*s/(?P<token>{URL_PREFIX}[^/]*)/", include(read_patterns)),
    *read_patterns,
]

handler404 = "symdepot.protocols.sentry.errors.unknown_path"
