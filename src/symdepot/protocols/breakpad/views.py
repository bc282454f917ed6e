"""Breakpad's symbol files, by debug id; by code id one is sent there.

Source: spec/serving 3.1 and 3.2.
"""

from http import HTTPStatus
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from symdepot.debugfiles import project_files
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.selection.file_query import FileQuery, FileRole
from symdepot.domain.symbol_paths import path_builder, path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.protocols import download_lookup, file_response, text_views
from symdepot.protocols.breakpad.errors import ERRORS, IGNORED


@text_views.text_view(ERRORS, lambda _: "breakpad")
def by_path(
    request: HttpRequest, path: str, token: str | None = None
) -> HttpResponseBase:
    """Answer with the symbol file that `path` asks for; pages may ask, too."""
    asked = path_parser.parse(Layout.BREAKPAD, path)
    if asked is None:
        return text_views.text_response(IGNORED, HTTPStatus.NOT_FOUND)
    row = download_lookup.find_file(request, token, asked)
    answer = _answer(request, asked, row, path)
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def _answer(
    request: HttpRequest, asked: FileQuery, row: DebugFile, path: str
) -> HttpResponseBase:
    place = path_builder.build(Layout.BREAKPAD, FileRole.BREAKPAD, row.object_file())
    if place is not None and not asked.debug_ids:
        base = request.path.removesuffix(path)
        query = request.META.get("QUERY_STRING", "")
        answer = HttpResponse(status=HTTPStatus.FOUND)
        answer["Location"] = quote(f"{base}{place}") + (f"?{query}" if query else "")
        return answer
    served = file_response.serve(
        request, project_files.file_content(row), filename=row.object_name
    )
    served["Content-Type"] = "text/plain; charset=utf-8"
    return served
