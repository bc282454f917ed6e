"""Payloads of Eliot's clients."""

import json

from django.test import Client
from tests.factories import Answer, a_breakpad_file, a_client, upload

from symdepot.projects import tokens
from symdepot.projects.models import Project

ID = "44E4EC8C2F41492B9369D6B9A059577C2"
MODULE = ["xul.pdb", ID]
RECORDS = (
    "INFO CODE_ID 5AB380779000 xul.dll",
    "FILE 0 a.cpp",
    "FILE 1 h.h",
    "INLINE_ORIGIN 0 outer_inline()",
    "INLINE_ORIGIN 1 deepest()",
    "FUNC 1000 20 0 foo(int)",
    "INLINE 0 7 0 0 1010 8",
    "INLINE 1 9 1 1 1010 8",
    "1000 10 5 0",
    "1010 8 3 1",
    "1018 8 8 0",
    "PUBLIC 2000 0 _ZN3foo3barEv",
)
"""A symbol file: at 1010, foo (line 7) has outer_inline (line 9) has deepest (line 3)."""
SYMBOLS = a_breakpad_file(ID, records=RECORDS)


def send(
    payload: object,
    client: Client | None = None,
    path: str = "/symbolicate/v5",
    **headers: str,
) -> Answer:
    """Post `payload`; text and bytes are sent as they are."""
    is_raw = isinstance(payload, str | bytes)
    return (client or a_client()).post(
        path,
        payload if is_raw else json.dumps(payload),
        content_type="text/plain;charset=UTF-8",
        headers=headers,
    )


def job(
    *frames: tuple[int, int], modules: list[list[str]] | None = None
) -> dict[str, object]:
    """Return a job of one stack."""
    return {"memoryMap": [MODULE] if modules is None else modules, "stacks": [frames]}


def result(payload: object, client: Client | None = None) -> Answer:
    """Return the only result."""
    answer = send(payload, client)
    assert answer.status_code == 200, answer.content
    (only,) = answer.json()["results"]
    return only


def keep(content: bytes = SYMBOLS, name: str = "xul.sym") -> None:
    """Upload a symbol file."""
    assert upload(a_client(), content, name=name)["state"] == "ok"


def url_token(project: Project) -> str:
    """Return a token that may stand in a path."""
    return tokens.create_url_token(project, by="a test")
