"""Compressed chunks are stored decompressed."""

import gzip
import sys
import tracemalloc
import zlib

import pytest
from tests.factories import a_client
from tests.protocols.sentry.multipart import (
    Part,
    body_of,
    called,
    gzipped,
    kept,
    post,
    post_body,
)

from symdepot.blobs.configured import blob_store
from symdepot.domain.ids import Checksum

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.django_db

CHUNK_BYTES = 1 << 20
LINES = b"one line of a chunk\n" * 5000


def encoded(content: bytes, packed: bytes) -> Part:
    return Part(packed, called=Checksum.of(content).hex)


@pytest.mark.upstream(36)
def test_zstd_chunks_are_stored_under_the_checksum_of_their_content() -> None:
    parts = [encoded(c, zstd.compress(c)) for c in (LINES, b"another")]

    answer = post(a_client(), *parts, encoding="zstd")

    assert (answer.status_code, answer.content) == (200, b"")
    assert kept() == called(LINES, b"another")


@pytest.mark.upstream(37)
def test_zstd_of_two_frames_is_decoded_to_its_end() -> None:
    packed = zstd.compress(LINES) + zstd.compress(b"the rest")

    answer = post(a_client(), encoded(LINES + b"the rest", packed), encoding="zstd")

    assert answer.status_code == 200
    assert kept() == called(LINES + b"the rest")


@pytest.mark.parametrize("field", ["file", "file_gzip"])
def test_gzip_of_two_members_is_decoded_to_its_end(field: str) -> None:
    content = LINES + b"the rest"
    packed = gzip.compress(LINES) + gzip.compress(b"the rest")
    part = Part(packed, field=field, called=Checksum.of(content).hex)

    answer = post(a_client(), part, encoding="gzip" if field == "file" else None)

    assert answer.status_code == 200
    assert kept() == called(content)


@pytest.mark.upstream(38)
@pytest.mark.parametrize("header", ["ZSTD", "Zstd", " zstd "])
def test_the_encoding_header_is_case_insensitive(header: str) -> None:
    part = encoded(LINES, zstd.compress(LINES))

    answer = post(a_client(), part, encoding=header)

    assert answer.status_code == 200
    assert kept() == called(LINES)


@pytest.mark.upstream(39)
def test_gzip_by_the_header_is_accepted() -> None:
    parts = [encoded(c, gzip.compress(c)) for c in (LINES, b"another")]

    answer = post(a_client(), *parts, encoding="gzip")

    assert answer.status_code == 200
    assert kept() == called(LINES, b"another")


@pytest.mark.upstream(40)
def test_gzip_by_the_field_name_is_accepted_beside_raw_chunks() -> None:
    answer = post(a_client(), gzipped(LINES), Part(b"raw"), gzipped(b"another"))

    assert answer.status_code == 200
    assert kept() == called(LINES, b"raw", b"another")


@pytest.mark.upstream(41)
@pytest.mark.parametrize("header", ["gzip", "zstd"])
def test_header_and_gzip_field_cannot_be_combined(header: str) -> None:
    answer = post(a_client(), gzipped(LINES), encoding=header)

    assert answer.status_code == 400
    assert answer.json() == {
        "error": "Cannot combine Content-Encoding with file_gzip field"
    }
    assert (kept(), list(blob_store())) == ({}, [])


@pytest.mark.upstream(42)
@pytest.mark.parametrize("header", ["br", "identity", "gzip, zstd", "deflate"])
def test_other_encodings_are_refused(header: str) -> None:
    answer = post(a_client(), Part(LINES), encoding=header)

    assert answer.status_code == 400
    assert answer.json() == {"error": "Unsupported Content-Encoding"}
    assert (kept(), list(blob_store())) == ({}, [])


@pytest.mark.upstream(43)
def test_zstd_that_expands_to_one_byte_too_many_is_refused() -> None:
    bomb = b"a" * (CHUNK_BYTES + 1)

    answer = post(a_client(), encoded(bomb, zstd.compress(bomb)), encoding="zstd")

    assert answer.status_code == 400
    assert answer.json() == {"error": "Chunk size too large"}
    assert (kept(), list(blob_store())) == ({}, [])


@pytest.mark.upstream(44)
@pytest.mark.parametrize(
    "packed",
    [b"not zstd at all", b"", zstd.compress(LINES)[:-3], zstd.compress(LINES) + b"x"],
    ids=["garbage", "nothing", "truncated", "garbage behind"],
)
def test_invalid_zstd_is_refused(packed: bytes) -> None:
    answer = post(a_client(), encoded(LINES, packed), encoding="zstd")

    assert answer.status_code == 400
    assert answer.json() == {"error": "Invalid zstd payload"}
    assert (kept(), list(blob_store())) == ({}, [])


@pytest.mark.upstream(45, 46, 47)
@pytest.mark.parametrize("encoding", ["gzip", None], ids=["header", "field"])
@pytest.mark.parametrize(
    "packed",
    [
        b"not gzip at all",
        b"",
        gzip.compress(LINES)[:6],
        gzip.compress(LINES)[:-3],
        gzip.compress(LINES) + b"x",
        gzip.compress(LINES)[:-8] + bytes(8),
        zlib.compress(LINES),
    ],
    ids=[
        "garbage",
        "nothing",
        "six bytes",
        "truncated",
        "garbage behind",
        "wrong sum",
        "zlib",
    ],
)
def test_invalid_gzip_is_refused(packed: bytes, encoding: str | None) -> None:
    field = "file" if encoding else "file_gzip"
    part = Part(packed, field=field, called=Checksum.of(LINES).hex)

    answer = post(a_client(), part, encoding=encoding)

    assert answer.status_code == 400
    assert answer.json() == {"error": "Invalid gzip payload"}
    assert (kept(), list(blob_store())) == ({}, [])


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_decompression_bomb_is_refused_early(encoding: str) -> None:
    packed = zstd_of_a_gibibyte() if encoding == "zstd" else gzip_of_a_gibibyte()
    client, body = a_client(), body_of(Part(packed, called="0" * 40))

    tracemalloc.start()
    try:
        answer = post_body(client, body, encoding=encoding)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert answer.json() == {"error": "Chunk size too large"}
    assert peak_bytes < 8 * CHUNK_BYTES


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_chunk_that_expands_to_exactly_the_limit_is_accepted(encoding: str) -> None:
    content = b"a" * CHUNK_BYTES
    pack = zstd.compress if encoding == "zstd" else gzip.compress

    answer = post(a_client(), encoded(content, pack(content)), encoding=encoding)

    assert answer.status_code == 200
    assert kept() == called(content)


def test_decoded_bytes_count_towards_the_size_of_a_request() -> None:
    contents = [bytes([n]) * CHUNK_BYTES for n in range(5)]

    answer = post(a_client(), *(gzipped(content) for content in contents))

    assert (answer.status_code, answer.json()) == (400, {"error": "Request too large"})
    assert kept() == called(*contents[:4])


def zstd_of_a_gibibyte() -> bytes:
    return zstd.compress(bytes(CHUNK_BYTES * 16)) * 64


def gzip_of_a_gibibyte() -> bytes:
    return gzip.compress(bytes(CHUNK_BYTES * 16), compresslevel=1) * 64
