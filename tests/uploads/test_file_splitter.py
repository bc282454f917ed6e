"""Files are split into the chunks that a client would send."""

import hashlib
import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import pieces

from symdepot.blobs.local import LocalStore
from symdepot.blobs.memory import MemoryStore
from symdepot.domain.errors import StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.uploads import file_splitter


@given(content=st.binary(max_size=200), chunk_bytes=st.integers(1, 64))
def test_any_file_is_split_into_its_chunks_in_order(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, chunk_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("whole") / "file"
    path.write_bytes(content)
    store = MemoryStore()

    split = file_splitter.split(path, store, chunk_bytes=chunk_bytes)

    parts = pieces(content, chunk_bytes)
    assert split.checksum == Checksum.of(content)
    assert list(split.chunks) == [Checksum.of(part) for part in parts]
    assert split.sizes == {Checksum.of(part): len(part) for part in parts}
    assert {c: store.open(c).read() for c in store} == {
        Checksum.of(part): part for part in parts
    }


def test_a_file_of_one_chunk_is_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = secrets.token_bytes(3_000_000)
    (tmp_path / "file").write_bytes(content)
    hashed = counting_hashes(monkeypatch)

    file_splitter.split(tmp_path / "file", LocalStore(tmp_path), chunk_bytes=1 << 22)
    assert sum(hashed) == len(content)

    # A file of several chunks has its own checksum, in addition to theirs.
    hashed.clear()
    file_splitter.split(tmp_path / "file", LocalStore(tmp_path), chunk_bytes=1 << 20)
    assert sum(hashed) == 2 * len(content)


def test_stored_chunks_are_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"heretherehere")
    store = LocalStore(tmp_path / "blobs")

    here = Checksum.of(b"here")
    split = file_splitter.split(
        path, store, chunk_bytes=4, is_stored=lambda c: c == here
    )

    assert set(store) == {Checksum.of(b"ther"), Checksum.of(b"eher"), Checksum.of(b"e")}
    assert split.chunks[0] == here
    assert split.size_bytes == 13
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


def test_a_missing_file_is_a_file_not_found_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_splitter.split(tmp_path / "gone", MemoryStore(), chunk_bytes=7)


def test_a_failing_store_is_storage_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")

    with pytest.raises(StorageUnavailable):
        file_splitter.split(path, LocalStore(path), chunk_bytes=3)


def counting_hashes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of the number of bytes of each hash update."""
    hashed: list[int] = []
    sha1 = hashlib.sha1

    class Counting:
        def __init__(self, content: bytes = b"", **_: bool) -> None:
            self._sha1 = sha1(content, usedforsecurity=False)
            self.hexdigest = self._sha1.hexdigest

        def update(self, content: bytes) -> None:
            hashed.append(len(content))
            self._sha1.update(content)

    monkeypatch.setattr(hashlib, "sha1", Counting)
    return hashed
