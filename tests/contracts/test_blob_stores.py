"""What every blob store promises, run on each."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from threading import Barrier
from urllib.request import Request, urlopen
from uuid import uuid4

import obstore
import pytest

from symdepot.blobs import buckets
from symdepot.blobs.buckets import BucketStore
from symdepot.blobs.local import LocalStore
from symdepot.blobs.memory import MemoryStore
from symdepot.blobs.store import BlobStore, blob_path
from symdepot.domain.errors import BlobMissing, ChecksumMismatch
from symdepot.domain.ids import Checksum

MIB = 1 << 20
CLOCKS_DIFFER = timedelta(seconds=2)
CONTENT = b"the bytes of a debug file"
CHECKSUM = Checksum.of(CONTENT)
OTHER = Checksum.of(b"other bytes")
LARGE = Random(0).randbytes(20 * MIB)  # noqa: S311  # no secret

type Put = Callable[[str, bytes], object]
type Subject = tuple[BlobStore, Put]


def in_memory(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    store = MemoryStore()
    blobs = store._blobs  # noqa: SLF001  # there is no other way to do damage
    return store, lambda place, data: blobs.update({Checksum(place[-40:]): data})


def on_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    root = tmp_path / "blobs"
    return LocalStore(root), lambda place, data: (root / place).write_bytes(data)


def in_a_bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    server = request.getfixturevalue("s3_server")
    bucket = buckets.from_url(server.url(uuid4().hex))
    return BucketStore(bucket, tmp_path), lambda place, data: obstore.put(
        bucket, place, data
    )


@pytest.fixture(
    params=[
        pytest.param(in_memory, id="in_memory"),
        pytest.param(on_disk, id="on_disk"),
        pytest.param(in_a_bucket, id="in_a_bucket", marks=pytest.mark.server),
    ]
)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    return request.param(request, tmp_path)  # type: ignore[no-any-return]  # pytest's


@pytest.fixture
def store(subject: Subject) -> BlobStore:
    return subject[0]


@pytest.fixture
def put_unverified(subject: Subject) -> Put:
    """Write what nobody has verified where a blob lies."""
    return subject[1]


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def read(store: BlobStore, checksum: Checksum, *, start: int = 0) -> bytes:
    with store.open(checksum, start=start) as content:
        return content.read()


@pytest.mark.parametrize("content", [CONTENT, b"", LARGE], ids=["some", "no", "20 MiB"])
def test_returns_the_stored_bytes(store: BlobStore, content: bytes) -> None:
    size_bytes = store.put(Checksum.of(content), BytesIO(content))

    assert size_bytes == len(content)
    assert read(store, Checksum.of(content)) == content


def test_a_read_returns_the_requested_length(store: BlobStore) -> None:
    store.put(Checksum.of(LARGE), BytesIO(LARGE))

    with store.open(Checksum.of(LARGE), start=5) as content:
        blocks = list(iter(lambda: content.read(MIB), b""))

    assert [len(block) for block in blocks] == [MIB] * 19 + [MIB - 5]
    assert b"".join(blocks) == LARGE[5:]


@pytest.mark.parametrize("start", [0, 1, len(CONTENT) - 1, len(CONTENT), 1000])
def test_reads_from_an_offset_to_the_end(store: BlobStore, start: int) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    assert read(store, CHECKSUM, start=start) == CONTENT[start:]


def test_a_reader_can_be_closed_before_its_end(store: BlobStore) -> None:
    store.put(Checksum.of(LARGE), BytesIO(LARGE))

    with store.open(Checksum.of(LARGE)) as content:
        beginning = content.read(MIB)

    assert beginning == LARGE[:MIB]
    assert content.closed


def test_refuses_content_that_does_not_match_its_checksum(
    store: BlobStore, tmp_path: Path
) -> None:
    with pytest.raises(ChecksumMismatch) as refusal:
        store.put(OTHER, BytesIO(CONTENT))

    assert refusal.value.claimed == OTHER
    assert refusal.value.actual == CHECKSUM
    assert list(store) == []
    assert files_under(tmp_path) == []


def test_a_refused_put_keeps_the_stored_blob(store: BlobStore) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    with pytest.raises(ChecksumMismatch):
        store.put(CHECKSUM, BytesIO(CONTENT[:-1]))

    assert read(store, CHECKSUM) == CONTENT


def test_putting_twice_is_no_error(store: BlobStore) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    store.put(CHECKSUM, BytesIO(CONTENT))

    assert read(store, CHECKSUM) == CONTENT
    assert list(store) == [CHECKSUM]


def test_putting_again_repairs_a_damaged_blob(
    store: BlobStore, put_unverified: Put
) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))
    put_unverified(blob_path(CHECKSUM), b"bytes that have rotted")

    store.put(CHECKSUM, BytesIO(CONTENT))

    assert read(store, CHECKSUM) == CONTENT


def test_a_writer_stores_content_in_pieces(store: BlobStore) -> None:
    writer = store.receive(CHECKSUM)

    taken = [writer.write(CONTENT[:7]), writer.write(b""), writer.write(CONTENT[7:])]
    size_bytes = writer.commit()

    assert taken == [7, 0, len(CONTENT) - 7]
    assert size_bytes == len(CONTENT)
    assert read(store, CHECKSUM) == CONTENT


def test_a_writer_without_a_checksum_stores_under_the_computed_one(
    store: BlobStore, tmp_path: Path
) -> None:
    writer = store.receive()

    assert writer.checksum == Checksum.of(b"")
    writer.write(CONTENT)
    assert writer.checksum == CHECKSUM
    assert writer.commit() == len(CONTENT)

    assert read(store, CHECKSUM) == CONTENT
    assert list(store) == [CHECKSUM]
    assert len(files_under(tmp_path)) <= 1


def test_unfinished_content_is_not_visible(store: BlobStore) -> None:
    writer = store.receive(CHECKSUM)
    writer.write(CONTENT)

    assert CHECKSUM not in store
    assert list(store) == []
    with pytest.raises(BlobMissing):
        store.open(CHECKSUM)

    writer.discard()


def test_a_writer_refuses_content_that_does_not_match_its_checksum(
    store: BlobStore, tmp_path: Path
) -> None:
    writer = store.receive(OTHER)
    writer.write(CONTENT)

    with pytest.raises(ChecksumMismatch):
        writer.commit()

    writer.discard()
    assert list(store) == []
    assert files_under(tmp_path) == []


def test_discarded_content_leaves_nothing(store: BlobStore, tmp_path: Path) -> None:
    writer = store.receive(CHECKSUM)
    writer.write(CONTENT)

    writer.discard()
    writer.discard()

    assert list(store) == []
    assert files_under(tmp_path) == []


def test_discarding_after_storing_changes_nothing(store: BlobStore) -> None:
    writer = store.receive(CHECKSUM)
    writer.write(CONTENT)
    writer.commit()

    writer.discard()

    assert read(store, CHECKSUM) == CONTENT


def test_a_deleted_blob_is_missing(store: BlobStore) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    store.delete(CHECKSUM)

    assert CHECKSUM not in store
    assert list(store) == []


def test_deleting_a_missing_blob_is_no_error(store: BlobStore) -> None:
    store.delete(CHECKSUM)
    store.delete(CHECKSUM)

    assert CHECKSUM not in store


def test_exists_only_for_stored_blobs(store: BlobStore) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    assert CHECKSUM in store
    assert OTHER not in store


def test_lists_exactly_the_stored_blobs(store: BlobStore) -> None:
    contents = [str(n).encode() for n in range(60)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda c: store.put(Checksum.of(c), BytesIO(c)), contents))
    waiting = store.receive(CHECKSUM)

    listed = list(store)

    assert sorted(listed) == sorted(Checksum.of(content) for content in contents)
    waiting.discard()


def test_an_empty_store_lists_nothing(store: BlobStore) -> None:
    assert list(store) == []


def test_returns_a_local_file_with_the_bytes(store: BlobStore) -> None:
    store.put(Checksum.of(LARGE), BytesIO(LARGE))

    with store.on_disk(Checksum.of(LARGE)) as path:
        content = path.read_bytes()

    assert content == LARGE
    assert read(store, Checksum.of(LARGE)) == LARGE


def test_errors_of_the_user_of_a_local_file_are_not_changed(store: BlobStore) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    with pytest.raises(FileNotFoundError, match="mine"), store.on_disk(CHECKSUM):
        raise FileNotFoundError("mine")


def test_a_signed_url_returns_the_bytes(store: BlobStore) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    url = store.signed_url(CHECKSUM, valid_for=timedelta(minutes=1))

    if isinstance(store, BucketStore):
        assert url is not None
        with urlopen(url) as answer:  # noqa: S310  # of our own server
            assert answer.read() == CONTENT
        part = Request(url, headers={"Range": "bytes=4-8"})  # noqa: S310
        with urlopen(part) as answer:  # noqa: S310
            assert (answer.status, answer.read()) == (206, CONTENT[4:9])
    else:
        assert url is None


def test_a_missing_blob_raises_an_error(store: BlobStore) -> None:
    store.put(OTHER, BytesIO(b"other bytes"))

    with pytest.raises(BlobMissing) as unopened:
        store.open(CHECKSUM)
    with pytest.raises(BlobMissing) as unread:
        store.open(CHECKSUM, start=3)
    with pytest.raises(BlobMissing) as unlent, store.on_disk(CHECKSUM):
        pass

    errors = [unopened.value, unread.value, unlent.value]
    assert [error.checksum for error in errors] == [CHECKSUM] * 3


def test_concurrent_puts_of_one_blob_succeed(store: BlobStore) -> None:
    together = Barrier(16)
    content = LARGE[:MIB]

    def put(_: int) -> int:
        together.wait()
        return store.put(Checksum.of(content), BytesIO(content))

    with ThreadPoolExecutor(16) as threads:
        sizes = list(threads.map(put, range(16)))

    assert sizes == [MIB] * 16
    assert list(store) == [Checksum.of(content)]
    assert read(store, Checksum.of(content)) == content


def test_returns_size_and_age_of_a_blob(store: BlobStore) -> None:
    before = datetime.now(UTC)
    store.put(CHECKSUM, BytesIO(CONTENT))
    store.put(Checksum.of(b""), BytesIO(b""))

    listed = {blob.checksum: blob for blob in store.stored()}

    assert {c: blob.size_bytes for c, blob in listed.items()} == {
        CHECKSUM: len(CONTENT),
        Checksum.of(b""): 0,
    }
    for blob in listed.values():
        assert before - CLOCKS_DIFFER < blob.written_at
        assert blob.written_at < datetime.now(UTC) + CLOCKS_DIFFER


@pytest.mark.slow
def test_putting_again_resets_the_age(store: BlobStore) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))
    (before,) = store.stored()
    # A bucket counts in seconds.
    time.sleep(1.1)

    store.put(CHECKSUM, BytesIO(CONTENT))

    (after,) = store.stored()
    assert after.written_at > before.written_at


def test_a_blob_deleted_while_listing_is_no_error(store: BlobStore) -> None:
    contents = [str(n).encode() for n in range(20)]
    for content in contents:
        store.put(Checksum.of(content), BytesIO(content))

    listing = store.stored()
    first = next(listing)
    for content in contents:
        store.delete(Checksum.of(content))

    assert first.checksum in {Checksum.of(content) for content in contents}
    assert len(list(listing)) < len(contents)


def test_unfinished_content_is_not_listed(store: BlobStore) -> None:
    writer = store.receive(CHECKSUM)
    writer.write(CONTENT)

    assert list(store.stored()) == []

    writer.discard()


def test_the_id_of_a_store_is_no_blob(store: BlobStore) -> None:
    assert store.read_id() is None

    store.write_id("first")
    store.write_id("second")

    assert store.read_id() == "second"
    assert list(store) == []


def test_an_empty_id_is_none(store: BlobStore) -> None:
    store.write_id("")

    assert store.read_id() is None
