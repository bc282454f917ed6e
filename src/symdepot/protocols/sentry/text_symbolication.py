"""symbolicate-text: resolve the addresses and obfuscated names in a pasted text."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import BaseModel, StringConstraints

from symdepot.projects.access import Permission
from symdepot.protocols import auth, symbolication_request
from symdepot.protocols.sentry import schemas
from symdepot.symbolication.pasted_text import ResolvedText, resolve_text

router = Router()

PATH = "/projects/{org}/{project}/symbolicate-text"
MAX_CHARACTERS = 1_000_000
"""Limit of one text; an Apple crash report with all threads has about 100,000."""


class TextIn(BaseModel):
    """The request."""

    text: Annotated[str, StringConstraints(strict=True, max_length=MAX_CHARACTERS)]


class UnresolvedOut(Schema):
    """An address that was not resolved, its line (from 1), and the reason."""

    line: int
    text: str
    module: str
    reason: str


class TextOut(Schema):
    """The resolved text, the number of resolved frames, and notes for the reader."""

    text: str
    resolved: int
    unresolved: list[UnresolvedOut]
    notes: list[str]


@router.post(PATH, response=TextOut, summary="Resolve a pasted stack trace")
@router.post(PATH + "/", response=TextOut, include_in_schema=False)
def symbolicate_text(request: HttpRequest, org: str, project: str) -> ResolvedText:
    """Resolve the addresses in a text, `{"text": "…"}`; the rest is returned unchanged.

    Backtraces of gdb and lldb, sanitizers and glibc, Android, Apple and Linux kernels,
    and obfuscated Java stack traces.
    """
    caller = auth.caller(request)
    owner = caller.project(org, project, Permission.DOWNLOAD)
    symbolication_request.consume_rate(request, caller)
    body = schemas.read_body(request, TextIn)
    return resolve_text(owner, body.text, by=auth.actor(request, caller))
