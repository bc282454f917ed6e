"""A file of many chunks can be read from any position."""

from collections.abc import Sequence
from io import SEEK_CUR, SEEK_END, SEEK_SET
from pathlib import Path
from random import Random

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from tests.factories import (
    Answer,
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_file,
    a_project,
    files_url,
    keep,
)
from tests.protocols.sentry.zip_uploads import posted, zipped

from symdepot.blobs.configured import blob_store
from symdepot.blobs.store import blob_path
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.uploads import chunks
from symdepot.uploads.models import Chunk, File, FileChunk

pytestmark = pytest.mark.django_db

MIB = 1 << 20
BEYOND_31_BITS = 3_000_000_000


class Download:
    """Reads a debug file through its door, as one reads an open file."""

    def __init__(self, row: DebugFile, client: Client) -> None:
        self._row = row
        self._client = client
        self._place = 0
        self.size_bytes = int(self.answer(method="head")["Content-Length"])

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        start = {SEEK_SET: 0, SEEK_CUR: self._place, SEEK_END: self.size_bytes}
        self._place = start[whence] + offset
        return self._place

    def read(self, size_bytes: int) -> bytes:
        last = self._place + size_bytes - 1
        answer = self.answer(f"bytes={self._place}-{last}")
        if answer.status_code == 416:
            return b""
        assert answer.status_code == 206
        content: bytes = answer.getvalue()
        self._place += len(content)
        return content

    def answer(self, byte_range: str = "", *, method: str = "get") -> Answer:
        ask = getattr(self._client, method)
        return ask(files_url(), {"id": self._row.pk}, headers={"Range": byte_range})


def made_of(chunks: Sequence[bytes]) -> Download:
    """Return a debug file that is made of `chunks`, whatever is in them."""
    project = a_project()
    row = a_debug_file(project)
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(project, *chunks))
    return Download(row, a_client())


@pytest.mark.upstream(99)
def test_a_file_from_a_zip_is_split_and_read_across_chunks(
    settings: Settings,
) -> None:
    settings.CHUNK_SIZE = 3
    content = a_breakpad_file()[:-1] + b"!"
    [found] = posted(zipped({"hello.sym": content})).json()
    row = DebugFile.objects.get(pk=found["id"])

    places = FileChunk.objects.filter(file=row.file).order_by("position")
    sizes = list(places.values_list("chunk__size_bytes", flat=True))
    assert sum(sizes) == len(content)
    assert set(sizes[:-1]) == {3}

    opened = Download(row, a_client())
    assert [opened.read(1) for _ in range(7)] == [content[n : n + 1] for n in range(7)]
    assert opened.seek(2) == 2
    assert opened.read(5) == content[2:7]
    assert opened.read(len(content)) == content[7:]
    assert opened.read(1) == b""


@pytest.mark.upstream(99)
def test_negative_positions_and_closed_readers_are_errors() -> None:
    opened = made_of([b"012", b"345"])

    with blob_store().open(Checksum.of(b"012")) as blob:
        assert blob.read(2) == b"01"

    assert opened.answer("bytes=--1").getvalue() == b"012345"
    with pytest.raises(ValueError, match="closed"):
        blob.read(1)


@pytest.mark.upstream(100)
def test_seek_supports_all_origins() -> None:
    opened = made_of([b"foo", b"bar", b"foo", b"ba"])

    assert opened.seek(4) == 4
    assert opened.read(3) == b"arf"
    assert opened.seek(-5, SEEK_CUR) == 2
    assert opened.read(4) == b"obar"
    assert opened.seek(-2, SEEK_END) == 9
    assert opened.read(10) == b"ba"
    assert opened.answer("bytes=-4").getvalue() == b"ooba"
    assert opened.answer("chunks=0-1").status_code == 200


@pytest.mark.slow
@pytest.mark.upstream(101)
def test_32_mib_in_many_chunks_are_read_whole_and_in_parts() -> None:
    content = Random(101).randbytes(32 * MIB)  # noqa: S311 -- to be the same again
    parts = [content[start : start + MIB] for start in range(0, 32 * MIB, MIB)]
    opened = made_of(parts)

    assert opened.size_bytes == 32 * MIB
    assert opened.answer().getvalue() == content
    parts = [opened.read(5 * MIB + 1) for _ in range(7)]
    assert b"".join(parts) == content


@pytest.mark.upstream(102)
def test_sizes_and_offsets_beyond_31_bits_are_supported(disk: Path) -> None:
    keep(b"end")
    sparse = Checksum.of(b"three thousand million bytes, nearly all of them zero")
    place = disk / blob_path(sparse)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as blob:
        blob.seek(BEYOND_31_BITS - 3)
        blob.write(b"...")
    row = a_debug_file(a_project())
    now = row.created_at
    Chunk.objects.bulk_create(
        [
            Chunk(
                checksum=sparse.hex,
                size_bytes=BEYOND_31_BITS,
                received_at=now,
                verified_at=timezone.now(),
            ),
            Chunk(checksum=Checksum.of(b"end").hex, size_bytes=3, received_at=now),
        ]
    )
    last = Checksum.of(b"end")
    whole = chunks.record_file(
        Checksum.of(b"any name"), [sparse, sparse, last], 2 * BEYOND_31_BITS + 3
    )
    DebugFile.objects.filter(pk=row.pk).update(file=whole)

    opened = Download(row, a_client())

    assert File.objects.get(pk=whole.pk).size_bytes == 6_000_000_003
    [listed] = a_client().get(files_url()).json()
    assert listed["size"] == opened.size_bytes == 6_000_000_003
    assert opened.answer("bytes=-7").getvalue() == b"\0...end"
    assert opened.seek(BEYOND_31_BITS - 4) == 2_999_999_996
    assert opened.read(6) == b"\0...\0\0"
    part = opened.answer("bytes=6000000000-")
    assert part["Content-Range"] == "bytes 6000000000-6000000002/6000000003"
    assert part.getvalue() == b"end"
