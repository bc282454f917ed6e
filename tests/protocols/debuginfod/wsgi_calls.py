"""Calls the fast path and Django as a WSGI server does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import setup_testing_defaults

from django.core.handlers.wsgi import WSGIHandler
from tests.factories import a_debug_file, a_project

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import CodeId
from symdepot.projects import organizations
from symdepot.projects.models import Project

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
LARGE = CodeId("aa" * 20)
UNKNOWN = CodeId("bb" * 20)
CONTENT = b"\x7fELF and so on"
LARGEST_BYTES = 256 * 1024

type Answer = tuple[str, list[tuple[str, str]], bytes]


@dataclass
class CountingDjango:
    """Django, and the number of its calls."""

    django: WSGIHandler = field(default_factory=WSGIHandler)
    times: int = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        self.times += 1
        return self.django(environ, start_response)


def ask(
    application: Callable[..., Any], path: str, method: str = "GET", /, **headers: str
) -> Answer:
    """Send a request as a WSGI server does; headers are written like_this."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path}
    environ["REMOTE_ADDR"] = "192.0.2.1"
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    setup_testing_defaults(environ)
    head: list[Any] = []
    blocks = application(environ, lambda *values: head.extend(values))
    body = b"".join(blocks)
    if hasattr(blocks, "close"):
        blocks.close()
    status, headers_sent = head
    return status, list(headers_sent), body


def status(answer: Answer) -> int:
    return int(answer[0][:3])


def debuginfo(build_id: CodeId = BUILD_ID) -> str:
    return f"/buildid/{build_id}/debuginfo"


def a_public_project(slug: str = "game") -> Project:
    project = a_project(slug)
    organizations.set_public(project, is_public=True, by="a test")
    return project


def a_companion(
    project: Project, content: bytes = CONTENT, code_id: CodeId = BUILD_ID
) -> DebugFile:
    return a_debug_file(project, content, code_id=code_id, name="hello.debug")
