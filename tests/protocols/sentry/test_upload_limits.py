"""A hostile body costs no more time than an honest one of its size."""

import gzip
import sys
import time
from collections.abc import Callable

import pytest
from pytest_django import Settings
from tests.factories import a_client, a_project, files_url
from tests.protocols.sentry import zip_uploads
from tests.protocols.sentry.multipart import Part, body_of, kept, post, post_body

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.django_db

BODY_BYTES = 4 << 20
MAX_SECONDS = 0.5
"""Of processor time. Before there were limits, some bodies took 2 s."""
HEAD = b'--frontier\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
BEGUN = HEAD % (b"file", b'; filename="%s"' % (b"a" * 40))
EMPTY_MEMBER = gzip.compress(b"")
SKIPPABLE_FRAME = b"\x50\x2a\x4d\x18" + bytes(4)


def repeated(piece: bytes) -> bytes:
    return piece * (BODY_BYTES // len(piece))


def compressed(data: bytes, field: str) -> bytes:
    return body_of(Part(data, field=field, called="a" * 40))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "gzip members": lambda: compressed(repeated(EMPTY_MEMBER), "file_gzip"),
    "parts": lambda: repeated(Part(b"x").on_the_wire()),
    "files without a name": lambda: repeated(
        HEAD % (b"file", b'; filename=""') + b"x\r\n"
    ),
    "fields": lambda: repeated(HEAD % (b"a", b"") + b"x\r\n"),
    "a large field": lambda: HEAD % (b"a", b"") + bytes(BODY_BYTES),
    "parts without headers": lambda: repeated(b"--frontier\r\n\r\n\r\n"),
    "boundaries": lambda: repeated(b"--frontier\r\n"),
    "a preamble": lambda: bytes(BODY_BYTES) + body_of(Part(b"x")),
    "an epilogue": lambda: body_of(Part(b"x")) + bytes(BODY_BYTES),
    "headers": lambda: b"--frontier\r\n" + repeated(b"A: b\r\n"),
    "line ends": lambda: BEGUN + repeated(b"\r\n"),
    "almost boundaries": lambda: BEGUN + repeated(b"\r\n--frontie"),
    "blanks in base64": lambda: (
        b"--frontier\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: form-data; name="file"; filename="'
        + b"a" * 40
        + b'"\r\n\r\n'
        + repeated(b"A" + b" " * 4095)
    ),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_takes_little_time(
    make: Callable[[], bytes], settings: Settings
) -> None:
    settings.CHUNK_SIZE = BODY_BYTES
    client, body = a_client(), make()
    start = time.process_time()

    answer = post_body(client, body)

    assert time.process_time() - start < MAX_SECONDS
    assert answer.status_code in {200, 400}


def test_decompression_is_stopped_after_a_time(settings: Settings) -> None:
    settings.CHUNK_SIZE = BODY_BYTES
    # Blocks with the fixed code and no bytes, of 10 bits each. Source: RFC 1951 3.2.6.
    four = sum(0b10 << 10 * n for n in range(4)).to_bytes(5, "little")
    blocks = gzip.compress(b"")[:10] + repeated(four)

    answer = post(a_client(), Part(blocks), encoding="gzip")

    assert answer.status_code == 400
    assert answer.json() == {"error": "Decompressing the chunks takes too long."}


JSON_BYTES = 2 << 20
SHA1 = "a" * 40


@pytest.mark.parametrize(
    ("path", "head", "piece", "text"),
    [
        (
            "difs/assemble/",
            f'{{"{SHA1}":{{"name":"a","chunks":[',
            "1,",
            "1 is not of type 'string'",
        ),
        ("difs/assemble/", "{", '"a":1,', "'a' does not match any of the regexes: "),
        (
            "dsyms/associate/",
            '{"appId":"a","version":"1","checksums":[',
            "1,",
            "checksums.0: Input should be a valid string",
        ),
    ],
)
def test_json_of_many_values_takes_little_time(
    path: str, head: str, piece: str, text: str
) -> None:
    a_project()
    close = "1]" if "[" in head else '"b":1'
    rest = close + "}" * head.count("{")
    body = head + piece * (JSON_BYTES // len(piece)) + rest
    client, start = a_client(), time.process_time()

    answer = client.post(files_url(path), body, content_type="application/json")

    assert time.process_time() - start < MAX_SECONDS
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(text)


@pytest.mark.parametrize("piece", ["1,", "[],", '{"a":{}},'])
def test_json_of_millions_of_values_is_refused(piece: str) -> None:
    a_project()
    body = "[" + piece * 2_000_001 + "1]"

    answer = a_client().post(
        files_url("difs/assemble/"), body, content_type="application/json"
    )

    assert answer.status_code == 400
    assert answer.json() == {"error": "The body may have 2000000 parts."}


def test_too_many_chunks_in_all_files_are_refused() -> None:
    a_project()
    files = {f"{n:040x}": {"name": "a", "chunks": [SHA1] * 20_000} for n in range(6)}

    answer = a_client().post(
        files_url("difs/assemble/"), files, content_type="application/json"
    )

    assert answer.status_code == 400
    assert answer.json() == {
        "error": "120000 chunks in one request are too many: at most 100000 are taken"
    }


@pytest.mark.parametrize(
    ("encoding", "empty"),
    [("gzip", EMPTY_MEMBER), ("zstd", zstd.compress(b"")), ("zstd", SKIPPABLE_FRAME)],
    ids=["gzip", "zstd", "skippable"],  # the bytes contain the time
)
def test_a_chunk_of_too_many_members_is_refused(encoding: str, empty: bytes) -> None:
    answer = post(a_client(), Part(empty * 1025), encoding=encoding)

    assert answer.status_code == 400
    assert answer.json() == {"error": f"A chunk may have 1024 members of {encoding}."}
    assert kept() == {}


def test_a_zip_larger_than_a_file_is_refused(settings: Settings) -> None:
    settings.MAX_FILE_SIZE = 100_000
    archive = zip_uploads.zipped({"a.sym": bytes(100_001)}, compression=0)

    answer = zip_uploads.posted(archive)

    assert answer.status_code == 413
    assert answer.json() == {"detail": "The body of this request may have 100 kB."}


def test_two_zips_in_a_request_are_refused() -> None:
    a_project()
    bodies = b"".join(Part(b"x", called=f"{n}.zip").on_the_wire() for n in range(2000))

    answer = a_client().generic(
        "POST",
        files_url(),
        bodies + b"--frontier--\r\n",
        content_type="multipart/form-data; boundary=frontier",
    )

    assert answer.status_code == 400
    assert answer.json() == {"error": "A request may have one zip."}
