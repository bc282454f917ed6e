"""Finds the file that a debugger may have, and notes that it was used, or wanted."""

from django.http import HttpRequest

from symdepot.debugfiles import finding, usage, wanted
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.asked import Asked
from symdepot.domain.errors import DebugFileMissing
from symdepot.projects import reading
from symdepot.projects.access import Bearer
from symdepot.protocols import auth


def lent(request: HttpRequest, token: str | None, asked: Asked) -> DebugFile:
    """Return the debug file that serves `asked`, out of all that may be read.

    Raises:
        DebugFileMissing: there is none.
        Unauthenticated: see `auth.reader`.
        NotAllowed: see `reading.readable`.
    """
    row = found(request, token, asked)
    if row is None:
        raise DebugFileMissing(asked.name or asked.role)
    return row


def found(request: HttpRequest, token: str | None, asked: Asked) -> DebugFile | None:
    """Return the same; None if there is none.

    Raises:
        Unauthenticated: see `auth.reader`.
        NotAllowed: see `reading.readable`.
    """
    who = auth.reader(request, token)
    row = finding.fittest(reading.readable(who), asked)
    if row is not None:
        usage.renew(row.project, [row])
    elif who is not None:
        _note_miss(request, who, asked)
    return row


def _note_miss(request: HttpRequest, who: Bearer, asked: Asked) -> None:
    """Note what is wanted of a project; with a token for several nobody knows which."""
    project = reading.sole(who)
    if project is None:
        return
    wanted.note(
        project,
        debug_id=asked.debug_ids[0] if asked.debug_ids else None,
        code_id=asked.code_ids[0] if asked.code_ids else None,
        by=auth.asker(request, who),
        name=asked.name,
    )
