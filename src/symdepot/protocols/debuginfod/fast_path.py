"""The fast path: answers debuginfod's misses and small files before Django.

A debugger waits for each response, and requests thousands of ids, most of which no
server has. Django needs more than a millisecond to build a request object and run its
middleware; the lookup takes 0.05 ms: one query, two with a token. So this WSGI
application stands before Django's. It answers `GET` and `HEAD` of
`/buildid/ID/debuginfo` and `.../executable`, with or without a token, and passes
everything else to Django. It shares the lookup and the texts of errors with the Django
view; `tests/protocols/debuginfod/test_same_responses.py` compares the two.

- A file of at most 256 KiB is sent from memory, with the bytes and headers of Django's
  response. Every request still looks the row up: a file that was deleted, superseded or
  found damaged, or a project that is no longer public, gives another row or none.
- A cached response is used for requests with the same headers that decide how a file is
  sent (compression, proxy), and never with conditions or ranges. It is stored only if
  its body has the checksum of the file.
- In doubt Django answers: an invalid token gets its error there, and a token or file
  whose last use is due to be recorded is recorded there.
"""

import re
import time
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

from django.core.handlers.wsgi import WSGIRequest
from django.db import Error, close_old_connections
from django.http import HttpResponse

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import finder
from symdepot.debugfiles.finder import FileRecord
from symdepot.domain.errors import DebugFileMissing, StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.domain.selection.file_query import FileQuery
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.projects import access
from symdepot.protocols import (
    auth,
    plain_text_responses,
    request_metrics,
    response_compression,
)
from symdepot.protocols.download_lookup import record_miss

_MAX_FILE_BYTES = 256 * 1024
_MAX_CACHED_FILES = 256
"""64 MiB a process at most."""
_PATH = re.compile(
    r"/(?:s/(symd_[\w-]+)/)?buildid/([^/]+/(?:debuginfo|executable))", re.ASCII
).fullmatch
_CONDITIONS = frozenset(
    ("HTTP_IF_NONE_MATCH", "HTTP_IF_RANGE", "HTTP_RANGE", "HTTP_X_DEBUGINFOD_MAXSIZE")
)
"""Request headers with which the response may be less than the file."""
_VARY = ("HTTP_ACCEPT_ENCODING", "HTTP_X_SENDFILE_TYPE")


class _Response(NamedTuple):
    """A response as WSGI has it. `is_counted`: Django made and counted it."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    is_counted: bool = False


class FastPath:
    """The WSGI application; `django` answers all other requests."""

    def __init__(self, django: Callable[..., Any]) -> None:
        self._django = django
        self._slot = lru_cache(_MAX_CACHED_FILES)(_empty_slot)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """Answer, or let Django answer."""
        started_at = time.perf_counter()
        parsed = _parse(environ)
        response = None if parsed is None else self._respond(environ, *parsed)
        if parsed is None or response is None:
            return self._django(environ, start_response)
        if not response.is_counted:
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
            if reader is not None and match.damaged is None:
                agent, newest = environ.get("HTTP_USER_AGENT", ""), match.newest_row_id
                record_miss(reader, query, agent=agent, newest_row_id=newest)
        except (Error, StorageUnavailable) as error:
            table, request = plain_text_responses.DEBUGINFOD, WSGIRequest(environ)
            return _from_django(
                plain_text_responses.error_response(table, request, error)
            )
        finally:
            close_old_connections()  # as Django does when a request ends
        return _MISS if match.damaged is None else None

    def _file(self, environ: WSGIEnvironment, file: FileRecord) -> _Response | None:
        if file.size_bytes > _MAX_FILE_BYTES or not file.is_use_noted:
            return None
        if environ["REQUEST_METHOD"] != "GET" or not _CONDITIONS.isdisjoint(environ):
            return None
        forwarded_for = environ.get("HTTP_X_FORWARDED_FOR", "")
        is_near = response_compression.is_private(
            environ.get("REMOTE_ADDR", ""), forwarded_for
        )
        slot = self._slot(file, is_near, *(environ.get(header) for header in _VARY))
        if slot:
            blob_store().require_known()
            return slot[0]
        response = self._ask_django(environ)
        is_ok = response.status.startswith("200 ")
        if is_ok and Checksum.of(response.body) == file.checksum:
            slot[:] = [response._replace(is_counted=False)]
        return response

    def _ask_django(self, environ: WSGIEnvironment) -> _Response:
        head: list[Any] = []
        with closing(self._django(environ, lambda *args: head.extend(args))) as blocks:
            return _Response(head[0], head[1], b"".join(blocks), is_counted=True)


def _parse(environ: WSGIEnvironment) -> tuple[FileQuery, str | None] | None:
    """Return the file query and the token; None: not a request for the fast path."""
    match = _PATH(environ["PATH_INFO"])
    if (
        match is None
        or environ["REQUEST_METHOD"] not in plain_text_responses.READ_METHODS
    ):
        return None
    token, path = match.groups()
    query = path_parser.parse(Layout.DEBUGINFOD, path)
    if query is None:
        return None
    if token is None and "HTTP_AUTHORIZATION" in environ:
        token = auth.token_from_header(environ["HTTP_AUTHORIZATION"])
    return query, token


def _empty_slot(*_: object) -> list[_Response]:
    return []


def _from_django(response: HttpResponse) -> _Response:
    """Convert a response that did not pass Django's middleware."""
    status = f"{response.status_code} {response.reason_phrase}"
    headers = [*response.items(), ("X-Content-Type-Options", "nosniff")]
    return _Response(status, headers, response.content)


_MISS = _from_django(plain_text_responses.DEBUGINFOD.response(DebugFileMissing("")))
