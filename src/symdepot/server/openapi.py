"""GET /openapi.json: one OpenAPI document for all JSON APIs."""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import metadata
from typing import Any

from django.http import HttpRequest, JsonResponse
from ninja import NinjaAPI

type Document = dict[str, Any]


def openapi_view(
    apis: Sequence[tuple[str, NinjaAPI]], components: Document
) -> Callable[[HttpRequest], JsonResponse]:
    """Return a view that serves the document. `apis` are path prefixes and APIs.

    `components`: further schemas, which ninja does not know of.
    """
    document = cache(lambda: _document(apis, components))
    return lambda _request: JsonResponse(document())


def _document(apis: Sequence[tuple[str, NinjaAPI]], components: Document) -> Document:
    paths: Document = {}
    schemas: Document = {}
    for prefix, api in apis:
        described = dict(api.get_openapi_schema(path_prefix=prefix))
        paths.update(described["paths"])
        schemas.update(described["components"].get("schemas", {}))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "symdepot",
            "version": metadata.version("symdepot"),
            "description": (
                "A self-hosted server for debug information files. Everything that "
                "can be read with a token is also below `/s/TOKEN/`."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": schemas | components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"bearer": []}, {"basic": []}, {}],
    }
