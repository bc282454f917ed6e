"""Serves Breakpad files by debug id; a code id is redirected to the debug id.

Source: spec/serving 3.1 and 3.2.
"""

from http import HTTPStatus
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from symdepot.debugfiles import contents
from symdepot.debugfiles.finder import FileRecord
from symdepot.domain.errors import DebugFileMissing
from symdepot.domain.selection.file_query import FileQuery
from symdepot.domain.symbol_paths import path_builder, path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.protocols import (
    cors_preflight,
    download_lookup,
    file_response,
    plain_text_responses,
)

_PE_ID_DIGITS = 16
_METHODS = "GET, HEAD, OPTIONS"
_EXPOSED = "Content-Range, ETag, Retry-After"


def by_path(
    request: HttpRequest, path: str, token: str | None = None
) -> HttpResponseBase:
    """Answer with the Breakpad file of `path`; scripts on web pages may request it.

    They may read every response: without the header, a miss looks like an outage.
    """
    if request.method == "OPTIONS":
        response: HttpResponseBase = cors_preflight.preflight(request, _METHODS)
    else:
        response = _by_path(request, path, token)
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = _EXPOSED
    return response


@plain_text_responses.text_view(
    plain_text_responses.SYMBOL_SERVER, lambda _: "breakpad"
)
def _by_path(request: HttpRequest, path: str, token: str | None) -> HttpResponseBase:
    query = path_parser.parse(Layout.BREAKPAD, path)
    if query is None:
        return plain_text_responses.ignored_response()
    found = download_lookup.find_file(request, token, query)
    return _respond(request, query, found, path)


def _respond(
    request: HttpRequest, query: FileQuery, found: FileRecord, path: str
) -> HttpResponseBase:
    if not query.debug_ids:
        is_pe = len(query.code_ids[0].hex) <= _PE_ID_DIGITS
        if is_pe and not contents.is_of_program(found, query.name):
            raise DebugFileMissing(query.name)
        target = path_builder.breakpad_path(
            found.object, contents.breakpad_module(found)
        )
        base = request.path.removesuffix(path)
        arguments = request.META.get("QUERY_STRING", "")
        redirect = HttpResponse(status=HTTPStatus.FOUND)
        redirect["Location"] = quote(f"{base}{target}") + (
            f"?{arguments}" if arguments else ""
        )
        return redirect
    response = file_response.serve(
        request, contents.file_content(found), filename=found.object_name
    )
    response["Content-Type"] = "text/plain; charset=utf-8"
    return response
