"""What a request occupied is free when it is answered, without the garbage collector."""

import gc
import io
import weakref
from collections.abc import Callable, Iterator

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import StreamingHttpResponse
from django.test import RequestFactory
from pytest_django import Settings
from tests.factories import a_client, a_project, an_organization, chunk_url
from tests.protocols.sentry.multipart import Part, body_of, gzipped

from symdepot.protocols import plain_text_responses
from symdepot.protocols.request_body import BodyRequest

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_without_collector")]

JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=frontier"
CHUNK = body_of(Part(b"content"))
NOT_GZIP = body_of(gzipped(b"content", packed=b"not gzip" * 10))
FILES = "/api/0/projects/acme/game/files/dsyms/"


@pytest.fixture
def _without_collector(settings: Settings) -> Iterator[None]:
    settings.CHUNK_SIZE = 2000
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("status", "path", "body", "content_type"),
    [
        pytest.param(200, chunk_url(), CHUNK, MULTIPART, id="chunk"),
        pytest.param(
            400,
            chunk_url(),
            body_of(Part(b"content", called="0" * 40)),
            MULTIPART,
            id="wrong checksum",
        ),
        pytest.param(
            400, chunk_url(), body_of(Part(b"x" * 3000)), MULTIPART, id="large chunk"
        ),
        pytest.param(400, chunk_url(), NOT_GZIP, MULTIPART, id="not gzip"),
        pytest.param(
            400, chunk_url(), body_of(Part(b"x" * 900))[:-500], MULTIPART, id="cut"
        ),
        pytest.param(400, chunk_url(), b"x" * 5000, MULTIPART, id="not multipart"),
        pytest.param(400, chunk_url(), b"{}", JSON, id="no form"),
        pytest.param(400, FILES, CHUNK[:-60], MULTIPART, id="cut zip"),
        pytest.param(200, "/symbolicate", b'{"stacktraces": []}', JSON, id="frames"),
        pytest.param(400, "/symbolicate", b"{" * 100, JSON, id="no JSON"),
        pytest.param(422, "/symbolicate", b'{"stacktraces": 1}', JSON, id="no frames"),
    ],
)
def test_an_answered_request_is_no_longer_in_memory(
    status: int, path: str, body: bytes, content_type: str
) -> None:
    a_project()

    assert status_and_body_left(path, body, content_type) == (status, None)


@pytest.mark.parametrize(("path", "status"), [(chunk_url(), 400), (FILES, 400)])
def test_a_request_beyond_the_quota_is_no_longer_in_memory(
    path: str, status: int
) -> None:
    a_project()
    organization = an_organization()
    organization.quota_bytes = 0
    organization.save()

    assert status_and_body_left(path, CHUNK, MULTIPART) == (status, None)


def test_a_refused_request_whose_client_is_gone_is_no_longer_in_memory() -> None:
    a_project()
    length = str(len(NOT_GZIP) + 1)

    left = status_and_body_left(chunk_url(), NOT_GZIP, MULTIPART, CONTENT_LENGTH=length)

    assert left == (400, None)


def test_a_streamed_response_is_no_longer_in_memory() -> None:
    response = plain_text_responses.count(StreamingHttpResponse([b"ab"]), "debug", 0.1)
    response_left = weakref.ref(response)
    assert list(response) == [b"ab"]

    response.close()
    del response

    assert response_left() is None


def status_and_body_left(
    path: str, body: bytes, content_type: str, **variables: str
) -> tuple[int, object]:
    """Send a request as the server does; return its stream, too, if it still exists."""
    stream = io.BufferedReader(io.BytesIO(body))
    stream_left = weakref.ref(stream)
    environ = RequestFactory().generic("POST", path, body, content_type).environ
    environ["HTTP_AUTHORIZATION"] = a_client().defaults["HTTP_AUTHORIZATION"]
    environ["wsgi.input"] = stream
    environ.update(variables)
    lines: list[str] = []
    handler = WSGIHandler()
    handler.request_class = BodyRequest

    def start_response(line: str, *_: object) -> Callable[[bytes], object]:
        lines.append(line)
        return len

    response = handler(environ, start_response)
    b"".join(response)
    response.close()
    del response, environ, stream
    return int(lines[0].split()[0]), stream_left()
