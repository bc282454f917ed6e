"""/buildid/ID/KIND: debug information, programs, sections and sources.

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
from symdepot.debugfiles import bundle_sources, project_files
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.project_files import FileContent
from symdepot.domain.errors import DebugFileMissing, InvalidRequest
from symdepot.domain.formats import elf
from symdepot.domain.formats.elf import Section
from symdepot.domain.selection.file_query import FileRole
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.protocols import download_lookup, file_response, text_views
from symdepot.protocols.debuginfod.errors import ERRORS

_KIND = re.compile(r"buildid/[^/]*/(debuginfo|executable|section|source)\b").search
_SOURCE = "source/"
_SECTION = "section/"
_READABLE = "/ +@,:~()[]"


def kind(request: HttpRequest) -> str:
    """Return what is asked for, as it is counted."""
    match = _KIND(request.path)
    return "other" if match is None else match[1]


@text_views.text_view(ERRORS, kind)
def by_build_id(
    request: HttpRequest, rest: str, token: str | None = None
) -> HttpResponseBase:
    """Answer with the file that a build id and a kind name."""
    build_id, _, kind = rest.partition("/")
    if not path_parser.is_build_id(build_id):
        raise InvalidRequest("A build id is an even number of digits 0-9 and a-f.")
    if kind.startswith(_SECTION):
        return _section(request, token, build_id, kind.removeprefix(_SECTION))
    if kind.startswith(_SOURCE):
        return _source(request, token, build_id, kind.removeprefix(_SOURCE))
    asked = path_parser.parse(Layout.DEBUGINFOD, rest)
    if asked is None or asked.role is FileRole.SOURCES:
        raise DebugFileMissing(kind)
    row = download_lookup.find_file(request, token, asked)
    return _answer(request, row, project_files.file_content(row))


def _section(
    request: HttpRequest, token: str | None, build_id: str, name: str
) -> HttpResponseBase:
    """Answer with the bytes of a section as they stand in the file, compressed or not.

    Source: spec/serving 1.9: that of the debug information, or else of the program.
    """
    for role in (FileRole.DEBUGINFO, FileRole.EXECUTABLE):
        asked = path_parser.parse(Layout.DEBUGINFOD, f"{build_id}/{role}")
        row = (
            None
            if asked is None
            else download_lookup.find_optional(request, token, asked)
        )
        if row is None:
            continue
        content = project_files.file_content(row)
        read = partial(file_response.read_range, content)
        section = elf.find_section(read, content.size_bytes, name)
        if section is not None:
            return _answer(request, row, content, section)
    raise DebugFileMissing(name)


def _source(
    request: HttpRequest, token: str | None, build_id: str, path: str
) -> HttpResponseBase:
    """Answer with a source from the bundle of the program, whose path is as compiled.

    The slash before `path` is its own, but for programs built with relative paths.
    """
    asked = path_parser.parse(Layout.DEBUGINFOD, f"{build_id}/source")
    row = (
        None if asked is None else download_lookup.find_optional(request, token, asked)
    )
    if row is None:
        raise DebugFileMissing(path)
    content, names = project_files.file_content(row), (f"/{path}", path)
    source = bundle_sources.read_source(
        content, names, blob_store(), Path(settings.SCRATCH_DIR)
    )
    if source is None:
        raise DebugFileMissing(path)
    most = _most_bytes(request)
    if most and len(source) > most:
        return _too_large(most)
    answer = HttpResponse(source, content_type="application/octet-stream")
    answer["Content-Length"] = str(len(source))
    return _described(answer, row, path.rpartition("/")[2], len(source))


def _answer(
    request: HttpRequest,
    row: DebugFile,
    content: FileContent,
    section: Section | None = None,
) -> HttpResponseBase:
    size_bytes = content.size_bytes if section is None else section.size_bytes
    most = _most_bytes(request)
    if most and size_bytes > most:
        return _too_large(most)
    answer = file_response.serve(
        request, content, filename=row.object_name, section=section
    )
    return _described(answer, row, row.object_name, size_bytes)


def _too_large(most: int) -> HttpResponse:
    return text_views.text_response(
        f"File too large, max size={most}", HTTPStatus.NOT_ACCEPTABLE
    )


def _described(
    answer: HttpResponseBase, row: DebugFile, name: str, size_bytes: int
) -> HttpResponseBase:
    answer["X-DEBUGINFOD-SIZE"] = str(size_bytes)
    answer["X-DEBUGINFOD-FILE"] = quote(name, safe=_READABLE)
    answer["Last-Modified"] = http_date(row.file.created_at.timestamp())
    answer.setdefault("Cache-Control", "public" if row.project.is_public else "private")
    return answer


def _most_bytes(request: HttpRequest) -> int:
    """Return how large a file the client takes; 0 is any."""
    said = request.headers.get("X-DEBUGINFOD-MAXSIZE", "").strip()
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else 0  # noqa: PLR2004 -- as many digits as a size can have
