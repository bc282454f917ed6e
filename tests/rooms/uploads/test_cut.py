"""A file that comes as a whole is cut as a client would have cut it."""

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
def test_any_file_is_cut_into_its_chunks_in_order(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, chunk_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("whole") / "file"
    path.write_bytes(content)
    store = MemoryStore()

    cut = file_splitter.split(path, store, chunk_bytes=chunk_bytes)

    parts = pieces(content, chunk_bytes)
    assert cut.checksum == Checksum.of(content)
    assert list(cut.chunks) == [Checksum.of(part) for part in parts]
    assert cut.sizes == {Checksum.of(part): len(part) for part in parts}
    assert {c: store.open(c).read() for c in store} == {
        Checksum.of(part): part for part in parts
    }


def test_no_byte_of_a_file_of_one_chunk_is_hashed_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = secrets.token_bytes(3_000_000)
    (tmp_path / "file").write_bytes(content)
    hashed = counting_hashes(monkeypatch)

    file_splitter.split(tmp_path / "file", LocalStore(tmp_path), chunk_bytes=1 << 22)
    assert sum(hashed) == len(content)

    # What has several chunks has a checksum of its own, beside theirs.
    hashed.clear()
    file_splitter.split(tmp_path / "file", LocalStore(tmp_path), chunk_bytes=1 << 20)
    assert sum(hashed) == 2 * len(content)


def test_what_is_kept_already_is_not_kept_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"heretherehere")
    store = LocalStore(tmp_path / "blobs")

    here = Checksum.of(b"here")
    cut = file_splitter.split(path, store, chunk_bytes=4, is_stored=lambda c: c == here)

    assert set(store) == {Checksum.of(b"ther"), Checksum.of(b"eher"), Checksum.of(b"e")}
    assert cut.chunks[0] == here
    assert cut.size_bytes == 13
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


def test_a_file_that_is_gone_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_splitter.split(tmp_path / "gone", MemoryStore(), chunk_bytes=7)


def test_a_store_that_takes_nothing_is_ours_to_answer_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")

    with pytest.raises(StorageUnavailable):
        file_splitter.split(path, LocalStore(path), chunk_bytes=3)


def counting_hashes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that each hashing of some bytes adds their number to."""
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
