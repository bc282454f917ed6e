"""Hostile zips exceed no limit and cause no internal error."""

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from django.conf import settings as current
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from tests.factories import a_breakpad_file, a_client, a_project, files_url
from tests.protocols.sentry.zip_uploads import posted, zipped

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.formats.archive_limits import ZIP_UPLOADS
from symdepot.uploads.models import Chunk

pytestmark = pytest.mark.django_db

NOT_READABLE = "The file is not a readable zip archive: "
CENTRAL_ENTRY = b"PK\x01\x02"
DIRECTORY_END = b"PK\x05\x06"
FLAGS_AT, METHOD_AT, CRC_AT, SIZE_AT, OFFSET_AT = 8, 10, 16, 24, 42
"""Where these stand in an entry of the central directory. Source: APPNOTE.TXT 4.3.12."""


def with_field(archive: bytes, at: int, shape: str, value: int) -> bytes:
    """Return `archive` with one field of its first directory entry overwritten."""
    changed = bytearray(archive)
    struct.pack_into(shape, changed, archive.index(CENTRAL_ENTRY) + at, value)
    return bytes(changed)


def refused(archive: bytes) -> str:
    answer = posted(archive)
    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == ["error"]
    error: str = answer.json()["error"]
    return error


@pytest.fixture
def archive() -> bytes:
    return zipped({"hello.sym": a_breakpad_file() * 100})


@pytest.mark.parametrize(
    "content", [b"x", b"PK\x03\x04", b"PK\x05\x06" + bytes(17), b"not a zip" * 1000]
)
def test_an_invalid_zip_is_refused(content: bytes) -> None:
    assert refused(content) == f"{NOT_READABLE}File is not a zip file"


def test_a_truncated_zip_is_refused(archive: bytes) -> None:
    for end in range(1, len(archive), 10):
        assert refused(archive[:end]).startswith(NOT_READABLE)


def test_an_encrypted_member_is_refused_by_name(archive: bytes) -> None:
    encrypted = with_field(archive, FLAGS_AT, "<H", 1)

    assert refused(encrypted) == "'hello.sym' in the archive is encrypted."


@pytest.mark.parametrize("flag", [1 << 5, 1 << 6])
def test_patched_and_strongly_encrypted_members_are_refused(
    archive: bytes, flag: int
) -> None:
    assert refused(with_field(archive, FLAGS_AT, "<H", flag)).startswith(NOT_READABLE)


def test_a_member_of_unknown_compression_is_refused(archive: bytes) -> None:
    assert refused(with_field(archive, METHOD_AT, "<H", 77)).startswith(NOT_READABLE)


@pytest.mark.parametrize("offset", [7, 10**6, 2**31])
def test_a_member_with_a_wrong_offset_is_refused(archive: bytes, offset: int) -> None:
    assert refused(with_field(archive, OFFSET_AT, "<I", offset)).startswith(
        NOT_READABLE
    )


def test_a_member_that_begins_before_the_archive_is_refused(archive: bytes) -> None:
    directory_at = archive.index(DIRECTORY_END) + 16
    moved = bytearray(archive)
    struct.pack_into("<I", moved, directory_at, 1 << 20)

    refused(bytes(moved))


def test_a_member_with_a_wrong_crc_is_refused_and_not_stored(
    archive: bytes,
) -> None:
    assert refused(with_field(archive, CRC_AT, "<I", 7)).startswith(NOT_READABLE)
    assert list(blob_store()) == []
    assert list(current.SCRATCH_DIR.iterdir()) == []


@pytest.mark.parametrize("size", [1, 100])
def test_a_member_larger_than_declared_is_refused(archive: bytes, size: int) -> None:
    refused(with_field(archive, SIZE_AT, "<I", size))
    assert list(blob_store()) == []


def test_a_member_smaller_than_declared_is_refused(archive: bytes) -> None:
    refused(with_field(archive, SIZE_AT, "<I", len(a_breakpad_file()) * 100 + 1))
    assert list(blob_store()) == []


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_damaged_members_are_refused_however_they_are_compressed(
    compression: int,
) -> None:
    archive = zipped({"hello.sym": a_breakpad_file() * 100}, compression)
    start = archive.index(b"hello.sym") + 40

    for at in range(start, start + 12):
        refused(archive[:at] + b"\xff\xff" + archive[at + 2 :])


def test_a_member_declared_too_large_is_refused(
    settings: Settings, archive: bytes
) -> None:
    settings.MAX_FILE_SIZE = 1000
    size = len(a_breakpad_file()) * 100

    assert refused(archive) == f"File hello.sym exceeds maximum size ({size} > 1000)"


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    most = ZIP_UPLOADS.max_members
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for n in range(most + 1):
            opened.writestr(str(n), b"x")

    assert refused(archive.getvalue()) == (
        f"The archive has {most + 1} files: at most {most} are taken."
    )


@pytest.mark.slow
def test_a_zip_bomb_is_refused_unread() -> None:
    archive = zipped({f"{n}.sym": bytes(16 << 20) for n in range(20)})

    tracemalloc.start()
    try:
        error = refused(archive)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert error == "The archive expands beyond all measure."
    assert peak_bytes < 8 << 20
    assert list(blob_store()) == []


def test_a_member_is_read_only_to_its_declared_size() -> None:
    bomb = with_field(zipped({"a.sym": bytes(64 << 20)}), SIZE_AT, "<I", 1000)

    tracemalloc.start()
    try:
        refused(bomb)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 8 << 20
    assert list(current.SCRATCH_DIR.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", "C:\\a\\hello.sym", "ü" * 1000]
)
def test_a_name_in_a_zip_cannot_traverse_paths(
    name: str, tmp_path: Path, disk: Path
) -> None:
    answer = posted(zipped({name: a_breakpad_file()}))

    assert answer.status_code == 201
    assert len(answer.json()) == 1
    assert all(p.is_relative_to(disk) for p in tmp_path.rglob("*") if p.is_file())


def test_an_undecodable_name_is_no_error() -> None:
    archive = zipped({"ümlaut.sym": a_breakpad_file()})
    broken = archive.replace("ü".encode(), b"\xff\xfe")

    answer = posted(broken)

    assert answer.status_code in {201, 400}


def test_a_long_name_is_truncated() -> None:
    answer = posted(zipped({"x" * 60_000: a_breakpad_file()}))

    assert answer.status_code in {201, 400}
    assert all(
        len(name) <= current.MAX_NAME_LENGTH
        for name in DebugFile.objects.values_list("object_name", flat=True)
    )


@given(
    places=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1)
)
def test_no_damaged_zip_causes_an_internal_error(places: list[tuple[int, int]]) -> None:
    archive = bytearray(
        zipped({"hello.sym": a_breakpad_file() * 3, "b/c.txt": b"text"})
    )
    for place, value in places:
        archive[place % len(archive)] = value

    assert posted(bytes(archive)).status_code in {201, 400}


def test_a_zip_for_an_unknown_project_is_not_found() -> None:
    a_project()

    answer = a_client().post(files_url(project="unknown"), {})

    assert answer.status_code == 404


def test_a_zip_that_expands_to_more_than_a_file_is_refused(settings: Settings) -> None:
    settings.MAX_FILE_SIZE = 100_000
    content = a_breakpad_file().ljust(60_000)

    told = refused(zipped({"a.sym": content, "b.sym": content + b" "}))

    assert told == "The archive expands to 120001 bytes: at most 100000 are taken."
    assert list(blob_store()) == []


def test_a_large_directory_is_refused_before_it_is_parsed() -> None:
    entry = CENTRAL_ENTRY + bytes(42)
    directory = entry * ((8 << 20) // len(entry) + 1)
    end = struct.pack("<4s4H2LH", DIRECTORY_END, 0, 0, 1, 1, len(directory), 0, 0)

    told = refused(directory + end)

    assert told == f"{NOT_READABLE}a directory of {len(directory)} bytes"


def test_the_chunks_of_small_files_are_recorded_together() -> None:
    archive = zipped({f"{n}.txt": b"%d" % n for n in range(1, 51)})

    with CaptureQueriesContext(connection) as queries:
        answer = posted(archive)

    inserts = [one for one in queries if 'INTO "uploads_chunk"' in one["sql"]]
    assert (answer.status_code, Chunk.objects.count(), len(inserts)) == (201, 50, 1)
