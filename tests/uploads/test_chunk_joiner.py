"""Chunks are joined to files, and verified."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.blobs.local import LocalStore
from symdepot.blobs.memory import MemoryStore
from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import (
    BlobDamaged,
    BlobMissing,
    ChecksumMismatch,
    StorageUnavailable,
)
from symdepot.domain.ids import Checksum
from symdepot.uploads import chunk_joiner


def stored(store: BlobStore, *contents: bytes) -> list[Checksum]:
    checksums = [Checksum.of(content) for content in contents]
    for checksum, content in zip(checksums, contents, strict=True):
        store.put(checksum, io.BytesIO(content))
    return checksums


def joined(
    store: BlobStore, chunks: Sequence[Checksum], scratch: Path, claimed: Checksum
) -> bytes:
    with chunk_joiner.verified_file(claimed, chunks, store, scratch) as path:
        return path.read_bytes()


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=9))
def test_any_chunks_are_joined_in_order(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]
) -> None:
    store, whole = MemoryStore(), b"".join(contents)
    chunks = stored(store, *contents)
    scratch = tmp_path_factory.mktemp("scratch")

    assert joined(store, chunks, scratch, Checksum.of(whole)) == whole
    assert list(scratch.iterdir()) == []


def test_a_file_of_one_chunk_is_not_copied(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "blobs")
    [chunk] = stored(store, b"content")

    with chunk_joiner.verified_file(
        chunk, [chunk], store, tmp_path / "scratch"
    ) as path:
        assert path.is_relative_to(tmp_path / "blobs")

    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("contents", [[b"one"], [b"one", b"two"]])
def test_chunks_of_another_file_are_a_checksum_mismatch(
    tmp_path: Path, contents: list[bytes]
) -> None:
    store, claimed = MemoryStore(), Checksum.of(b"something else")
    chunks = stored(store, *contents)

    with pytest.raises(ChecksumMismatch) as caught:
        joined(store, chunks, tmp_path, claimed)

    assert caught.value.claimed == claimed
    assert caught.value.actual == Checksum.of(b"".join(contents))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("contents", [[b"one"], [b"zero", b"one", b"two"]])
@pytest.mark.parametrize("harmed", [b"", b"on", b"onf", b"one more"])
def test_a_damaged_chunk_is_found(
    tmp_path: Path, contents: list[bytes], harmed: bytes
) -> None:
    store = LocalStore(tmp_path / "blobs")
    chunks, whole = stored(store, *contents), Checksum.of(b"".join(contents))
    with store.on_disk(Checksum.of(b"one")) as blob:
        blob.write_bytes(harmed)

    with pytest.raises(BlobDamaged) as caught:
        joined(store, chunks, tmp_path / "scratch", whole)

    assert caught.value.checksum == Checksum.of(b"one")


@pytest.mark.parametrize("contents", [[b"one"], [b"zero", b"one", b"two"]])
def test_a_missing_blob_is_found(tmp_path: Path, contents: list[bytes]) -> None:
    store = MemoryStore()
    chunks, whole = stored(store, *contents), Checksum.of(b"".join(contents))
    store.delete(Checksum.of(b"one"))

    with pytest.raises(BlobMissing) as caught:
        joined(store, chunks, tmp_path, whole)

    assert caught.value.checksum == Checksum.of(b"one")


def test_a_failing_scratch_disk_is_storage_unavailable(tmp_path: Path) -> None:
    store = MemoryStore()
    chunks = stored(store, b"one", b"two")
    (tmp_path / "scratch").write_text("a file where a folder should be")

    with pytest.raises(StorageUnavailable):
        joined(store, chunks, tmp_path / "scratch", Checksum.of(b"onetwo"))


def test_the_copy_is_deleted_after_an_exception(tmp_path: Path) -> None:
    store = MemoryStore()
    chunks = stored(store, b"one", b"two")

    with (
        pytest.raises(ZeroDivisionError),
        chunk_joiner.verified_file(Checksum.of(b"onetwo"), chunks, store, tmp_path),
    ):
        raise ZeroDivisionError

    assert list(tmp_path.iterdir()) == []
