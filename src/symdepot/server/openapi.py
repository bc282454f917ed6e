"""One description of all doors that speak JSON: GET /openapi.json."""

from collections.abc import Callable, Iterable
from functools import cache
from importlib import metadata
from typing import Any

from django.http import HttpRequest, JsonResponse
from ninja import NinjaAPI

type Document = dict[str, Any]


def openapi_view(
    doors: Iterable[tuple[str, NinjaAPI]], components: Iterable[Document]
) -> Callable[[HttpRequest], JsonResponse]:
    """Return a view that tells what these doors do, each behind its prefix.

    `components` are schemas that doors refer to without ninja's knowledge.
    """
    told = cache(lambda: _document(tuple(doors), tuple(components)))

    def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse(told())

    return view


def _document(
    doors: Iterable[tuple[str, NinjaAPI]], components: Iterable[Document]
) -> Document:
    paths: Document = {}
    schemas: Document = {}
    for prefix, door in doors:
        described = dict(door.get_openapi_schema(path_prefix=prefix))
        paths.update(described["paths"])
        schemas.update(described["components"].get("schemas", {}))
    for more in components:
        schemas.update(more)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "symdepot",
            "version": metadata.version("symdepot"),
            "description": (
                "A self-hosted server for debug information files. All that is "
                "read with a token can be asked for below `/s/TOKEN/`, too."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"bearer": []}, {"basic": []}, {}],
    }
