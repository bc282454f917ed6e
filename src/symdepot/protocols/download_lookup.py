"""Finds the file that a debugger may have, and notes that it was used, or wanted."""

from django.http import HttpRequest

from symdepot.debugfiles import finder, missing_ids, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.near_misses import RequestedIds
from symdepot.domain.errors import DebugFileMissing
from symdepot.domain.selection.file_query import FileQuery, FileRole
from symdepot.projects import access
from symdepot.projects.access import Caller
from symdepot.protocols import auth


def find_file(request: HttpRequest, token: str | None, asked: FileQuery) -> DebugFile:
    """Return the debug file that serves `asked`, out of all that may be read.

    Raises:
        DebugFileMissing: there is none.
        Unauthenticated: see `auth.reader`.
        NotAllowed: see `reading.readable`.
    """
    row = _found(request, token, asked, is_whole=True)
    if row is None:
        raise DebugFileMissing(asked.name or asked.role)
    return row


def find_optional(
    request: HttpRequest, token: str | None, asked: FileQuery
) -> DebugFile | None:
    """Return the same, of which only a part is wanted; None if there is none.

    Raises:
        Unauthenticated: see `auth.reader`.
        NotAllowed: see `reading.readable`.
    """
    return _found(request, token, asked, is_whole=False)


def latest_unusable_row(asked: FileQuery, newest: int) -> int:
    """Return up to which row id files that are here do not help; 0 is none of them.

    That a program is here does not help who wants debug information. Of parts, of
    programs and of sources it is not told so: clients ask for those on the off chance.
    """
    return newest if asked.role is FileRole.DEBUGINFO else 0


def _found(
    request: HttpRequest, token: str | None, asked: FileQuery, *, is_whole: bool
) -> DebugFile | None:
    who = auth.reader(request, token)
    answer = finder.find_match(access.readable_projects(who), asked)
    row = answer.fittest
    if row is not None:
        usage.mark_used(row.project, [row])
    elif who is not None:
        useless = latest_unusable_row(asked, answer.newest) if is_whole else 0
        _note_miss(request, who, asked, useless)
    return row


def _note_miss(
    request: HttpRequest, who: Caller, asked: FileQuery, useless: int
) -> None:
    """Note what is wanted of a project; with a token for several nobody knows which."""
    project = access.sole_project(who)
    if project is None:
        return
    sought = RequestedIds(
        asked.debug_ids[0] if asked.debug_ids else None,
        asked.code_ids[0] if asked.code_ids else None,
        asked.name,
    )
    by = auth.actor(request, who)
    missing_ids.record_unusable(project, sought, by=by, useless=useless)
