r"""000Admin/: symstore's log, from which clients see which files there are.

    lastid.txt      0000000002
    0000000002      "crash.pdb\3249D99D0C4049318610F4E4FB0B69361","crash.pdb"
    server.txt      0000000002,add,file,11/26/2026,10:00:00,"symdepot","","",

Source: spec/serving 2.2; Microsoft, "Using SymStore", "SymStore Transactions".
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from itertools import batched

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from symdepot.debugfiles import symstore_log
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.selection import ranking
from symdepot.domain.selection.file_query import FileRole
from symdepot.domain.symbol_paths import path_builder
from symdepot.projects import access
from symdepot.projects.models import Project
from symdepot.protocols import auth, plain_text_responses

_NUMBER = re.compile(r"[0-9]{10}").fullmatch
_FOLDERS = re.compile(r".*[/\\]")
_ROLES = (FileRole.EXECUTABLE, FileRole.DEBUGINFO)
_LINES_PER_BLOCK = 1_000


@plain_text_responses.text_view(
    plain_text_responses.SYMBOL_SERVER, lambda _: "symstore"
)
def admin(
    request: HttpRequest, name: str, token: str | None = None
) -> HttpResponseBase:
    """Answer with a file of the log of all projects that the caller may read."""
    name = name.lower()
    if name not in {"lastid.txt", "server.txt", "history.txt"} and not _NUMBER(name):
        return plain_text_responses.ignored_response()
    projects = access.read_scope(auth.reader(request, token)).projects()
    last = symstore_log.last_number()
    if name == "lastid.txt":
        return plain_text_responses.text_response(f"{last:010}", HTTPStatus.OK)
    if not _NUMBER(name):
        return plain_text_responses.text_response(
            "".join(_history(projects)), HTTPStatus.OK
        )
    return _transaction(projects, int(name), last)


def _transaction(
    projects: QuerySet[Project], number: int, last: int
) -> HttpResponseBase:
    if not 1 <= number <= last:
        return plain_text_responses.text_response(
            "Symbol Not Found", HTTPStatus.NOT_FOUND
        )
    lines = _lines(symstore_log.files_of(projects, number))
    blocks = ("".join(some).encode() for some in batched(lines, _LINES_PER_BLOCK))
    return StreamingHttpResponse(blocks, content_type="text/plain; charset=utf-8")


def _lines(files: Iterator[DebugFile]) -> Iterator[str]:
    """Yield a line for each key of each file; some files have two, and some none."""
    for file in files:
        stored = file.object_file()
        named = replace(stored, name=_FOLDERS.sub("", stored.name))
        for role in _ROLES:
            serves = ranking.can_serve(named, role)
            path = path_builder.symstore_path(named, role) if serves else None
            match (path or "").split("/"):
                case [name, key, file_name] if name == file_name and _can_list(name):
                    yield f'"{name}\\{key}","{named.name}"\r\n'


def _can_list(name: str) -> bool:
    return name.isprintable() and '"' not in name


def _history(projects: QuerySet[Project]) -> Iterator[str]:
    for number, hour in symstore_log.history(projects):
        at = f"{hour:%m/%d/%Y,%H:%M:%S}"
        yield f'{number:010},add,file,{at},"symdepot","","",\r\n'
