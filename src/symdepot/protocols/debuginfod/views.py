"""Serves /buildid/ID/KIND: debug information, programs, sections and sources.

Source: spec/serving 1.1 to 1.3.
"""

import re
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import http_date

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import contents
from symdepot.debugfiles.contents import FileContent
from symdepot.debugfiles.finder import FileRecord
from symdepot.domain.errors import DebugFileMissing, InvalidRequest
from symdepot.domain.formats import elf_headers
from symdepot.domain.formats.elf_headers import Section
from symdepot.domain.selection.file_query import FileRole
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.protocols import download_lookup, file_response, plain_text_responses

_KIND = re.compile(r"buildid/[^/]*/(debuginfo|executable|section|source)\b").search
_SIZE = re.compile(r"[0-9]{1,18}").fullmatch
_SAFE_IN_HEADER = "/ +@,:~()[]"


def kind(request: HttpRequest) -> str:
    """Return the kind under which the request is counted."""
    match = _KIND(request.path)
    return "other" if match is None else match[1]


@plain_text_responses.text_view(plain_text_responses.DEBUGINFOD, kind)
def by_build_id(
    request: HttpRequest, rest: str, token: str | None = None
) -> HttpResponseBase:
    """Answer with the file of a build id and a kind."""
    build_id, _, kind = rest.partition("/")
    if not path_parser.is_build_id(build_id):
        raise InvalidRequest("A build id is an even number of digits 0-9 and a-f.")
    folder, slash, name = kind.partition("/")
    if slash and folder in _FOLDERS:
        return _FOLDERS[folder](request, token, build_id, name)
    query = path_parser.parse(Layout.DEBUGINFOD, rest)
    if query is None or query.role is FileRole.SOURCES:
        raise DebugFileMissing(kind)
    row = download_lookup.find_file(request, token, query)
    return _respond(request, row, contents.file_content(row))


def _section(
    request: HttpRequest, token: str | None, build_id: str, name: str
) -> HttpResponseBase:
    """Answer with a section as it is in the file, compressed or not.

    Source: spec/serving 1.9: that of the debug information, or else of the program.
    """
    for role in (FileRole.DEBUGINFO, FileRole.EXECUTABLE):
        row = _container(request, token, f"{build_id}/{role}")
        if row is None:
            continue
        content = contents.file_content(row)
        read = partial(file_response.read_range, content)
        section = elf_headers.find_section(read, content.size_bytes, name)
        if section is not None:
            return _respond(request, row, content, section)
    raise DebugFileMissing(name)


def _source(
    request: HttpRequest, token: str | None, build_id: str, path: str
) -> HttpResponseBase:
    """Answer with a source from the program's bundle, by its path as compiled.

    `path` has lost its leading slash, except for programs built with relative paths.
    """
    row = _container(request, token, f"{build_id}/source")
    if row is None:
        raise DebugFileMissing(path)
    content, scratch = contents.file_content(row), Path(settings.SCRATCH_DIR)
    source = contents.read_source(content, (f"/{path}", path), blob_store(), scratch)
    if source is None:
        raise DebugFileMissing(path)
    if refusal := _refuse_larger(request, len(source)):
        return refusal
    response = HttpResponse(source, content_type="application/octet-stream")
    response["Content-Length"] = str(len(source))
    return _with_headers(response, row, path.rpartition("/")[2], len(source))


def _respond(
    request: HttpRequest,
    row: FileRecord,
    content: FileContent,
    section: Section | None = None,
) -> HttpResponseBase:
    size_bytes = content.size_bytes if section is None else section.size_bytes
    if refusal := _refuse_larger(request, size_bytes):
        return refusal
    name = row.object_name
    response = file_response.serve(request, content, filename=name, section=section)
    return _with_headers(response, row, name, size_bytes)


def _container(request: HttpRequest, token: str | None, path: str) -> FileRecord | None:
    query = path_parser.parse(Layout.DEBUGINFOD, path)
    if query is None:
        return None
    return download_lookup.find_container(request, token, query)


def _with_headers(
    response: HttpResponseBase, row: FileRecord, name: str, size_bytes: int
) -> HttpResponseBase:
    response["X-DEBUGINFOD-SIZE"] = str(size_bytes)
    response["X-DEBUGINFOD-FILE"] = quote(name, safe=_SAFE_IN_HEADER)
    response["Last-Modified"] = http_date(row.stored_at.timestamp())
    response.setdefault("Cache-Control", "public" if row.is_public else "private")
    return response


def _refuse_larger(request: HttpRequest, size_bytes: int) -> HttpResponse | None:
    """Return a refusal if the client accepts only smaller files; 0 accepts all."""
    match = _SIZE(request.headers.get("X-DEBUGINFOD-MAXSIZE", "").strip())
    limit = int(match[0]) if match else 0
    if size_bytes <= limit or not limit:
        return None
    text = f"File too large, max size={limit}"
    return plain_text_responses.text_response(text, HTTPStatus.NOT_ACCEPTABLE)


_FOLDERS = {"section": _section, "source": _source}
