"""Bodies without `Content-Length`, as proxies send them that pass a body on in chunks."""

import http.client
import io
import json
import secrets
import socket
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from tests.clients import builds, nginx, proxy, wire
from tests.clients.conftest import StartDepot
from tests.clients.debuggers import program
from tests.clients.depot import Depot
from tests.clients.proxy import Proxy
from tests.clients.sentry_cli import SentryCli
from tests.clients.wire import Answer, Multipart
from tests.fixtures import builders

from symdepot.protocols.symbolicator import native_request

pytestmark = pytest.mark.server

ID = UUID("5ab38077-9000-ffff-1234-567890abcdef")
MIB = 1 << 20


@pytest.mark.parametrize("content", [b"small", secrets.token_bytes(3 * MIB)])
def test_a_chunk_upload_in_chunks_is_stored(depot: Depot, content: bytes) -> None:
    parts = Multipart.of([content, content[::-1]])

    answer = post(depot, depot.wire.chunks_path, parts.content, parts.content_type)

    assert (answer.status, answer.content) == (200, b"")
    kept = {path.name for path in depot.blobs.rglob("?" * 40) if path.is_file()}
    assert {wire.sha1(content), wire.sha1(content[::-1])} <= kept


def json_body(content: object) -> Callable[[], tuple[bytes, str]]:
    return lambda: (json.dumps(content).encode(), "application/json")


def zip_body() -> tuple[bytes, str]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.sym", builders.breakpad(ID))
    form = Multipart.of([archive.getvalue()])
    return form.content, form.content_type


def chunk_body() -> tuple[bytes, str]:
    form = Multipart.of([b"a chunk"])
    return form.content, form.content_type


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "{files}/difs/assemble/",
            json_body({"a" * 40: {"name": "a", "chunks": ["b" * 40]}}),
        ),
        ("{files}/dsyms/", zip_body),
        ("/api/0/organizations/{org}/chunk-upload/", chunk_body),
        (
            "/api/0/projects/{org}/default/symbolicate-text",
            json_body({"text": "no address"}),
        ),
        ("{files}/proguard-artifact-releases", json_body({"release_name": "a"})),
        ("/symbolicate/v4", json_body({"stacks": [[]], "memoryMap": []})),
        ("{files}/dsyms/associate/", json_body({"platform": "apple", "checksums": []})),
        (
            "/api/0/organizations/{org}/releases/",
            json_body({"projects": ["{project}"]}),
        ),
        ("/symbolicate", json_body({"stacktraces": [], "modules": []})),
        ("/symbolicate-jvm", json_body({"exceptions": [], "modules": []})),
        ("/symbolicate/v5", json_body({"jobs": []})),
    ],
)
def test_a_body_in_chunks_is_read_like_one_with_its_length(
    depot: Depot, path: str, body: Callable[[], tuple[bytes, str]]
) -> None:
    to = path.format(files=depot.wire.files_path, org=depot.wire.organization)
    content, content_type = body()

    with_length = post(depot, to, content, content_type, in_chunks=False)
    without_body = post(depot, to, b"", content_type)
    answer = post(depot, to, content, content_type)

    assert (answer.status, shape(answer)) == (with_length.status, shape(with_length))
    assert without_body.status == 400


def shape(answer: Answer) -> object:
    """The names in an answer; the zip's second upload has none, since it is known."""
    if not answer.content:
        return None
    parsed = answer.json()
    return sorted(parsed) if isinstance(parsed, dict) else type(parsed)


def test_a_truncated_upload_in_chunks_is_refused(depot: Depot) -> None:
    first, second = secrets.token_bytes(1000), secrets.token_bytes(1000)
    parts = Multipart.of([first, second])
    end = parts.content.index(second) + 500

    answer = post_and_close(depot, parts.content[:end], parts.content_type)

    assert not answer.startswith(b"HTTP/1.1 200")
    kept = {path.name for path in depot.blobs.rglob("?" * 40) if path.is_file()}
    assert wire.sha1(second) not in kept


def test_a_body_in_chunks_has_the_same_limits(depot: Depot) -> None:
    limit_bytes = depot.wire.options()["maxRequestSize"]
    parts = Multipart.of(
        [secrets.token_bytes(MIB) for _ in range(limit_bytes // MIB + 1)]
    )
    query = b'{"stacktraces": [], "modules": []}'.ljust(
        native_request.MAX_BODY_BYTES + 1
    )

    upload = post(depot, depot.wire.chunks_path, parts.content, parts.content_type)
    answer = post(depot, "/symbolicate", query, "application/json")

    assert (upload.status, upload.json()) == (400, {"error": "Request too large"})
    assert answer.status == 413
    assert b"The body of this request may have 57.67 MB." in answer.content


@pytest.fixture
def front(start_depot: StartDepot, tmp_path: Path) -> Iterator[tuple[Depot, Proxy]]:
    """A server behind an nginx that does not buffer, behind a proxy that re-chunks."""
    with proxy.opened() as opened:
        opened.in_chunks = True
        depot = start_depot(public_url=opened.url, chunk_size=MIB)
        folder = tmp_path / "nginx"
        folder.mkdir()
        behind = nginx.before(depot.url, depot.blobs, folder, buffers_requests=False)
        with behind as url:
            opened.server = ("127.0.0.1", int(url.rpartition(":")[2]))
            yield replace(depot, wire=replace(depot.wire, url=url)), opened


@pytest.mark.slow
def test_sentry_cli_uploads_through_proxies_that_re_chunk(
    front: tuple[Depot, Proxy], newest: SentryCli, tmp_path: Path
) -> None:
    depot, opened = front
    path = builds.compiled(tmp_path)
    with path.open("ab") as file:
        file.write(secrets.token_bytes(3 * MIB))

    result = depot.client(newest).upload("--wait", path)

    assert result.exit_code == 0, result
    assert [one.status for one in opened.to("/chunk-upload/") if one.request]
    (stored,) = depot.wire.files()
    assert depot.wire.download(stored["id"]) == path.read_bytes()


@pytest.mark.slow
def test_curl_uploads_from_a_pipe(front: tuple[Depot, Proxy]) -> None:
    depot, _ = front
    content = secrets.token_bytes(MIB)
    parts = Multipart.of([content])
    headers = [
        f"Authorization: Bearer {depot.wire.token}",
        f"Content-Type: {parts.content_type}",
    ]

    done = subprocess.run(  # noqa: S603 -- a program of Debian's
        [
            *(program("curl"), "-sS", "-X", "POST", "-T", "-", "--fail-with-body"),
            *(word for header in headers for word in ("-H", header)),
            depot.wire.url + depot.wire.chunks_path,
        ],
        input=parts.content,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert wire.sha1(content) in {path.name for path in depot.blobs.rglob("*")}


@pytest.mark.parametrize("ending", [b"zz\r\n", b"5\r\nabcdefgh\r\n0\r\n\r\n"])
def test_an_invalid_chunk_ends_a_body(depot: Depot, ending: bytes) -> None:
    first, second = secrets.token_bytes(1000), secrets.token_bytes(1000)
    parts = Multipart.of([first, second])
    end = parts.content.index(second) + 500

    answer = post_and_close(
        depot, parts.content[:end], parts.content_type, ending=ending
    )

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"Incomplete multipart body" in answer
    kept = {path.name for path in depot.blobs.rglob("*") if path.is_file()}
    assert wire.sha1(second) not in kept


def test_a_malformed_form_is_read_to_its_end(depot: Depot) -> None:
    body = b"--frontier\r\n" + b"A: b\r\n" * (4 * MIB)

    answer = post(
        depot, depot.wire.chunks_path, body, "multipart/form-data; boundary=frontier"
    )

    assert answer.status == 400
    assert answer.json() == {"error": "Invalid multipart body"}


def post(
    depot: Depot,
    path: str,
    content: bytes,
    content_type: str,
    *,
    in_chunks: bool = True,
) -> Answer:
    line = http.client.HTTPConnection(*depot.wire.address, timeout=60)
    headers = {
        "Authorization": f"Bearer {depot.wire.token}",
        "Content-Type": content_type,
    }
    try:
        if in_chunks:
            headers["Transfer-Encoding"] = "chunked"
            line.request(
                "POST", path, blocks(content), headers=headers, encode_chunked=True
            )
        else:
            line.request("POST", path, content, headers=headers)
        response = line.getresponse()
        return Answer(response.status, dict(response.headers), response.read())
    finally:
        line.close()


def blocks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


def post_and_close(
    depot: Depot, content: bytes, content_type: str, *, ending: bytes = b""
) -> bytes:
    """Send one chunk, `ending`, and no more; return what is answered."""
    head = (
        f"POST {depot.wire.chunks_path} HTTP/1.1\r\n"
        f"Host: depot\r\nAuthorization: Bearer {depot.wire.token}\r\n"
        f"Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"{len(content):x}\r\n"
    )
    with socket.create_connection(depot.wire.address, timeout=30) as line:
        line.sendall(head.encode() + content + b"\r\n" + ending)
        line.shutdown(socket.SHUT_WR)
        try:
            return b"".join(iter(lambda: line.recv(4096), b""))
        except ConnectionError:
            return b""
