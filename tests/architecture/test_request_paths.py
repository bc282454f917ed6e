"""The requests that docs/ARCHITECTURE.md follows run through the listed functions."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client, RequestFactory
from pytest_django import Settings
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_project,
    send,
    standing,
    upload,
)
from tests.protocols.symbolicator.payloads import INLINED, a_request, at, post

from symdepot.domain.ids import CodeId
from symdepot.projects import organizations
from symdepot.protocols.debuginfod.fast_path import FastPath

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "symdepot"
ARCHITECTURE = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
STEP = re.compile(r"^\d+\. `([\w/]+\.py)`: `([\w.]+)`", re.MULTILINE)

type Step = tuple[str, str]


@pytest.fixture
def client() -> Client:
    """A client that has made a request before, so that modules are loaded."""
    client = a_client(project=a_project())
    client.get("/api/0/organizations/acme/chunk-upload/")
    return client


def documented(title: str) -> list[Step]:
    """Return the steps that are listed below a heading: files and functions."""
    after = ARCHITECTURE.split(f"\n### {title}")[1]
    return STEP.findall(re.split(r"\n##", after)[0])


@contextmanager
def traced() -> Iterator[list[Step]]:
    """Record the first call of each function of the package, in order."""
    calls: dict[Step, None] = {}

    def record(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(PACKAGE)):
            path = str(Path(code.co_filename).relative_to(PACKAGE))
            calls.setdefault((path, code.co_qualname))

    steps: list[Step] = []
    sys.setprofile(record)
    try:
        yield steps
    finally:
        sys.setprofile(None)
        steps.extend(calls)


def assert_path(title: str, steps: list[Step], *, max_files: int) -> None:
    """Check that the listed functions run in this order, and in few files."""
    listed = documented(title)

    assert listed
    assert [step for step in steps if step in listed] == listed
    assert len({path for path, _ in listed}) <= max_files


@pytest.mark.usefixtures("disk")
def test_a_chunk_upload(client: Client) -> None:
    with traced() as steps:
        answer = send(client, b"content of a chunk")

    assert answer.status_code == 200
    assert_path("A chunk upload", steps, max_files=8)


def test_an_assemble_call(client: Client, settings: Settings) -> None:
    settings.SYMCACHES = True
    content = a_breakpad_file()
    send(client, content)

    with traced() as steps:
        answer = standing(client, content)

    assert answer["state"] == "ok"
    assert_path("An assemble call", steps, max_files=14)


@pytest.mark.usefixtures("disk")
def test_a_debuginfod_request() -> None:
    build_id = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
    project = a_project()
    organizations.set_public(project, is_public=True, by="a test")
    a_debug_file(project, b"\x7fELF", code_id=build_id, name="hello.debug")
    server = FastPath(WSGIHandler())
    environ = RequestFactory().get(f"/buildid/{build_id}/debuginfo").environ
    server(dict(environ), lambda *_: lambda _: None)

    with traced() as steps:
        body = b"".join(server(dict(environ), lambda *_: lambda _: None))

    assert body == b"\x7fELF"
    assert_path("GET /buildid/ID/debuginfo", steps, max_files=8)


def test_a_symbolication(client: Client, settings: Settings) -> None:
    settings.SYMCACHES = True
    upload(client, INLINED.encode())

    with traced() as steps:
        answer = post(client, a_request(at(0x1012)))

    assert answer.json()["status"] == "completed"
    assert_path("POST /symbolicate", steps, max_files=12)
