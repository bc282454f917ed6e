"""The fast path: answers debuginfod's misses and small files before Django.

A debugger waits for each response, and requests thousands of ids, most of which no
server has. Django needs more than a millisecond to build a request object and run its
middleware; the lookup itself takes 0.05 ms. So this WSGI application stands before
Django's. It answers `GET` and `HEAD` of `/buildid/ID/debuginfo` and `.../executable`,
with or without a token, and passes everything else to Django.

What it shares with the Django view, so that both give the same responses: the path
(`path_parser`), the token (`access`), the lookup (`finder.find_match`), the record of a
miss (`download_lookup.record_miss`) and the texts of errors (`text_views`).

- A miss costs one query, two with a token.
- A file of at most 256 KiB is sent from memory. The bytes and headers are those of
  Django's response to the same request for the same row. Every request still looks the
  row up: a file that was deleted, superseded or found damaged, or a project that is no
  longer public, gives another row or none.
- A cached response is used for requests with the same headers that decide how a file is
  sent (compression, proxy), and never with conditions or ranges. It is stored only if
  its body has the checksum of the file.
- In doubt Django answers: an invalid token gets its error there, and a token or file
  whose last use is due to be recorded is recorded there.

`tests/protocols/debuginfod/test_both_ways.py` compares the two for many requests.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.core.handlers.wsgi import WSGIRequest
from django.db import Error, close_old_connections
from django.http import HttpResponse

from symdepot.debugfiles import finder
from symdepot.debugfiles.finder import FileRecord
from symdepot.domain.errors import DebugFileMissing
from symdepot.domain.ids import Checksum
from symdepot.domain.selection.file_query import FileQuery, FileRole
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.projects import access
from symdepot.projects.access import Reader
from symdepot.protocols import (
    auth,
    client_network,
    download_lookup,
    request_metrics,
    text_views,
)

_MAX_FILE_BYTES = 256 * 1024
_MAX_CACHED_FILES = 256
"""64 MiB a process at most."""

_PATH = re.compile(r"/(?:s/(symd_[\w-]+)/)?buildid/(.+)", re.ASCII).fullmatch
_ROLES = frozenset({FileRole.DEBUGINFO, FileRole.EXECUTABLE})
_CONDITIONS = (
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_RANGE",
    "HTTP_X_DEBUGINFOD_MAXSIZE",
)
"""Request headers with which the response may be less than the file."""
_VARY = ("HTTP_ACCEPT_ENCODING", "HTTP_X_SENDFILE_TYPE")
"""Request headers that decide how a file is sent."""


@dataclass(frozen=True, slots=True)
class _Response:
    """A response as WSGI has it; `is_djangos`: Django made and counted it."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    is_djangos: bool = False

    @classmethod
    def of(cls, response: HttpResponse) -> "_Response":
        status = f"{response.status_code} {response.reason_phrase}"
        return cls(status, tuple(response.items()), response.content)

    def is_whole_file(self, checksum: Checksum) -> bool:
        is_ok = self.status.startswith(f"{HTTPStatus.OK.value} ")
        return is_ok and Checksum.of(self.body) == checksum


class FastPath:
    """The WSGI application; `django` answers all other requests."""

    def __init__(
        self, django: WSGIApplication, *, max_cached: int = _MAX_CACHED_FILES
    ) -> None:
        self._django = django
        self._slot = lru_cache(maxsize=max_cached)(_empty_slot)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """Answer, or let Django answer."""
        started_at = time.perf_counter()
        parsed = _parse(environ)
        response = None if parsed is None else self._respond(environ, *parsed)
        if parsed is None or response is None:
            return self._django(environ, start_response)
        if not response.is_djangos:
            seconds = time.perf_counter() - started_at
            kind, status = parsed[0].role.value, int(response.status[:3])
            request_metrics.count_response(kind, status, len(response.body), seconds)
        start_response(response.status, list(response.headers))
        return [response.body]

    def _respond(
        self, environ: WSGIEnvironment, query: FileQuery, token: str | None
    ) -> _Response | None:
        """Return the response; None: Django has to answer."""
        try:
            reader = None if token is None else access.find_reader(token)
            if reader is None and token is not None:
                return None
            match = finder.find_match(access.read_scope(reader), query)
            if match.best is not None:
                return self._file(environ, match.best)
            if reader is not None:
                _record_miss(environ, reader, query, match.newest_row_id)
        except Error as error:
            request = WSGIRequest(environ)
            return _Response.of(
                text_views.error_response(text_views.DEBUGINFOD, request, error)
            )
        finally:
            close_old_connections()  # as Django does when a request ends
        return _MISS

    def _file(self, environ: WSGIEnvironment, file: FileRecord) -> _Response | None:
        if file.size_bytes > _MAX_FILE_BYTES or not file.is_use_noted:
            return None
        if environ["REQUEST_METHOD"] != "GET" or any(
            header in environ for header in _CONDITIONS
        ):
            return None
        slot = self._slot(file, _vary_key(environ))
        if slot:
            return slot[0]
        response = self._djangos_response(environ)
        if response.is_whole_file(file.checksum):
            slot[:] = [replace(response, is_djangos=False)]
        return response

    def _djangos_response(self, environ: WSGIEnvironment) -> _Response:
        head: list[Any] = []

        def start_response(*status_and_headers: object) -> Callable[[bytes], object]:
            head[:] = status_and_headers
            return lambda _: None

        blocks = self._django(environ, start_response)
        try:
            body = b"".join(blocks)
        finally:
            if hasattr(blocks, "close"):
                blocks.close()
        return _Response(head[0], tuple(head[1]), body, is_djangos=True)


def _parse(environ: WSGIEnvironment) -> tuple[FileQuery, str | None] | None:
    """Return the file query and the token; None: not a request for the fast path."""
    match = _PATH(environ["PATH_INFO"])
    if match is None or environ["REQUEST_METHOD"] not in text_views.READ_METHODS:
        return None
    token, path = match.groups()
    query = path_parser.parse(Layout.DEBUGINFOD, path)
    if query is None or query.role not in _ROLES:
        return None
    if token is None and "HTTP_AUTHORIZATION" in environ:
        token = auth.token_from_header(environ["HTTP_AUTHORIZATION"])
    return query, token


def _record_miss(
    environ: WSGIEnvironment, reader: Reader, query: FileQuery, newest_row_id: int
) -> None:
    agent = environ.get("HTTP_USER_AGENT", "")
    download_lookup.record_miss(reader, query, agent=agent, newest_row_id=newest_row_id)


def _vary_key(environ: WSGIEnvironment) -> tuple[object, ...]:
    forwarded_for = environ.get("HTTP_X_FORWARDED_FOR", "")
    is_near = client_network.is_private(environ.get("REMOTE_ADDR", ""), forwarded_for)
    return (is_near, *(environ.get(header, "") for header in _VARY))


def _empty_slot(file: FileRecord, vary_key: tuple[object, ...]) -> list[_Response]:
    """Return the place for the response with `file` to such requests."""
    return []


_MISS = _Response.of(text_views.DEBUGINFOD.response(DebugFileMissing("")))
