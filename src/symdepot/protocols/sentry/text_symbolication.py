"""symbolicate-text: a pasted text comes back with what can be resolved in it resolved."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Router, Schema
from pydantic import BaseModel, StringConstraints

from symdepot.projects.access import Permission
from symdepot.protocols import auth, symbolication_request
from symdepot.protocols.sentry import schemas
from symdepot.protocols.sentry.debug_files import ProjectPath
from symdepot.symbolication import pasted_text

router = Router()

PATH = "/projects/{org}/{project}/symbolicate-text"
MOST_CHARACTERS = 1_000_000
"""Of one text; a crash report of Apple's with all threads has a tenth of that."""


class TextIn(BaseModel):
    """What somebody pasted."""

    text: Annotated[str, StringConstraints(strict=True, max_length=MOST_CHARACTERS)]


class UnresolvedOut(Schema):
    """An address that stayed as it was: in which line, from 1, and why."""

    line: int
    text: str
    module: str
    reason: str


class TextOut(Schema):
    """The text, how much of it is resolved, and what is to be known of that."""

    text: str
    resolved: int
    unresolved: list[UnresolvedOut]
    notes: list[str]


@router.post(PATH, response=TextOut, summary="Resolve a pasted stack trace")
@router.post(PATH + "/", response=TextOut, include_in_schema=False)
def symbolicate_text(
    request: HttpRequest, where: Path[ProjectPath]
) -> pasted_text.ResolvedText:
    """Resolve the addresses in a text: `{"text": "…"}`; all else comes back as it was.

    Backtraces of gdb and lldb, sanitizers and glibc, Android, Apple and Linux kernels,
    and obfuscated stack traces of Java.
    """
    bearer = auth.caller(request)
    owner = bearer.project(where.org, where.project, Permission.DOWNLOAD)
    symbolication_request.consume_rate(request, bearer)
    pasted = schemas.read_body(request, TextIn)
    return pasted_text.resolve_text(owner, pasted.text, by=auth.actor(request, bearer))
