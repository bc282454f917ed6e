"""A short way past Django for what debuggers ask most: misses, and small files.

A debugger waits for each answer, and most of what it asks for nobody has. Such a
question costs one lookup here, two with a token. An answer with a small file is the one
that Django gave to the same question about the same row; its bytes are kept, whoever may
have them is looked up each time. Whatever else is asked, or is in doubt, goes the long
way.
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

from symdepot.debugfiles import fast_lookup as files
from symdepot.debugfiles import missing_ids
from symdepot.debugfiles.fast_lookup import FileRecord
from symdepot.debugfiles.miss_counter import Miss
from symdepot.domain.errors import DebugFileMissing
from symdepot.domain.ids import Checksum
from symdepot.domain.selection.file_query import FileQuery
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.projects import token_lookup as readers
from symdepot.projects.token_lookup import ReaderRecord
from symdepot.protocols import (
    auth,
    client_network,
    download_lookup,
    request_metrics,
    text_views,
)
from symdepot.protocols.debuginfod.errors import ERRORS

_LARGEST_BYTES = 256 * 1024
_MOST_KEPT = 256
"""So a process keeps 64 MiB at most."""

_PATH = re.compile(
    r"/(?:s/(symd_[\w-]+)/)?buildid/([0-9a-f]+/(?:debuginfo|executable))", re.ASCII
).fullmatch
_CONDITIONS = (
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_RANGE",
    "HTTP_X_DEBUGINFOD_MAXSIZE",
)
"""Whoever sends one of these may be answered with less than a file."""
_MATTERS = ("HTTP_ACCEPT_ENCODING", "HTTP_X_SENDFILE_TYPE")
"""These decide how a file is sent; so does whether it goes far."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is sent back; whether Django said so, and has counted it."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    is_djangos: bool = False

    @classmethod
    def of(cls, response: HttpResponse) -> "_Answer":
        """Return what Django would send."""
        status = f"{response.status_code} {response.reason_phrase}"
        return cls(status, tuple(response.items()), response.content)

    def sent(self, start_response: StartResponse) -> list[bytes]:
        """Send it, as WSGI has it."""
        start_response(self.status, list(self.headers))
        return [self.body]

    def is_all_of(self, checksum: Checksum) -> bool:
        """Say whether this is a whole file, as it is."""
        is_ok = self.status.startswith(f"{HTTPStatus.OK.value} ")
        return is_ok and Checksum.of(self.body) == checksum


class FastPath:
    """An application before Django's, which is the long way."""

    def __init__(
        self, long_way: WSGIApplication, *, most_kept: int = _MOST_KEPT
    ) -> None:
        self._long_way = long_way
        self._slot = lru_cache(maxsize=most_kept)(_empty_slot)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """Answer, or let Django answer."""
        started_at = time.perf_counter()
        asked = _what_is_asked(environ)
        answer = None if asked is None else self._answer(environ, *asked)
        if asked is None or answer is None:
            return self._long_way(environ, start_response)
        if not answer.is_djangos:
            seconds = time.perf_counter() - started_at
            kind, status = asked[0].role.value, int(answer.status[:3])
            request_metrics.count_response(kind, status, len(answer.body), seconds)
        return answer.sent(start_response)

    def _answer(
        self, environ: WSGIEnvironment, asked: FileQuery, token: str | None
    ) -> _Answer | None:
        """Return the answer, if it can be had on the short way."""
        try:
            who = None if token is None else readers.find_reader(token)
            is_known = who is not None or token is None
            return self._looked_up(environ, who, asked) if is_known else None
        except Error as error:
            return _Answer.of(
                text_views.error_response(ERRORS, WSGIRequest(environ), error)
            )
        finally:
            # As Django does when a request ends.
            close_old_connections()

    def _looked_up(
        self, environ: WSGIEnvironment, who: ReaderRecord | None, asked: FileQuery
    ) -> _Answer | None:
        found = files.find_match(who, asked)
        if found.fittest is not None:
            return self._with_file(environ, found.fittest)
        if who is not None:
            useless = download_lookup.latest_unusable_row(asked, found.newest)
            _note_miss(environ, who, asked, useless)
        return _MISS

    def _with_file(self, environ: WSGIEnvironment, file: FileRecord) -> _Answer | None:
        is_short = file.size_bytes <= _LARGEST_BYTES and file.is_noted
        if not is_short or environ["REQUEST_METHOD"] != "GET":
            return None
        if any(header in environ for header in _CONDITIONS):
            return None
        slot = self._slot(file, _what_matters(environ))
        if slot:
            return slot[0]
        answer = self._ask(environ)
        if answer.is_all_of(file.checksum):
            slot[:] = [replace(answer, is_djangos=False)]
        return answer

    def _ask(self, environ: WSGIEnvironment) -> _Answer:
        """Return what Django answers, all of it."""
        head: list[Any] = []

        def noting(*said: object) -> Callable[[bytes], object]:
            head[:] = said
            return lambda _: None

        blocks = self._long_way(environ, noting)
        try:
            body = b"".join(blocks)
        finally:
            if hasattr(blocks, "close"):
                blocks.close()
        return _Answer(head[0], tuple(head[1]), body, is_djangos=True)


def _what_matters(environ: WSGIEnvironment) -> tuple[object, ...]:
    """Return all of a request that decides how a file is sent."""
    forwarded_for = environ.get("HTTP_X_FORWARDED_FOR", "")
    is_near = client_network.is_private(environ.get("REMOTE_ADDR", ""), forwarded_for)
    return (is_near, *(environ.get(header, "") for header in _MATTERS))


def _empty_slot(file: FileRecord, told: tuple[object, ...]) -> list[_Answer]:
    """Return where to keep the answer with `file` to whoever tells this."""
    return []


def _what_is_asked(environ: WSGIEnvironment) -> tuple[FileQuery, str | None] | None:
    """Return the file that is asked for, and with which token; None for anything else."""
    match = _PATH(environ["PATH_INFO"])
    if match is None or environ["REQUEST_METHOD"] not in text_views.READ_METHODS:
        return None
    token, path = match.groups()
    asked = path_parser.parse(Layout.DEBUGINFOD, path)
    if token is None and "HTTP_AUTHORIZATION" in environ:
        token = auth.token_from_header(environ["HTTP_AUTHORIZATION"])
    return None if asked is None else (asked, token)


def _note_miss(
    environ: WSGIEnvironment, who: ReaderRecord, asked: FileQuery, useless: int
) -> None:
    """Note what is wanted of a project, as `lending` does."""
    project_id = readers.sole_project_id(who)
    if project_id is None:
        return
    miss = Miss(project_id, debug_id="", code_id=asked.code_ids[0].hex)
    by = auth.actor_with_agent(who.words, environ.get("HTTP_USER_AGENT", ""))
    missing_ids.record_miss(miss, by=by, name=asked.name, useless=useless)


_MISS = _Answer.of(ERRORS.says(DebugFileMissing("")))
