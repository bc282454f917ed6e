"""A file that comes as a whole is cut as a client would have cut it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import pieces

from symdepot.blobs.local import LocalStore
from symdepot.blobs.memory import MemoryStore
from symdepot.domain.errors import StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.uploads import cutting


@given(content=st.binary(max_size=200), chunk_bytes=st.integers(1, 64))
def test_any_file_is_cut_into_its_chunks_in_order(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, chunk_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("whole") / "file"
    path.write_bytes(content)
    store = MemoryStore()

    cut = cutting.cut(path, store, chunk_bytes=chunk_bytes)

    parts = pieces(content, chunk_bytes)
    assert cut.checksum == Checksum.of(content)
    assert list(cut.chunks) == [Checksum.of(part) for part in parts]
    assert cut.sizes == {Checksum.of(part): len(part) for part in parts}
    assert {c: store.open(c).read() for c in store} == {
        Checksum.of(part): part for part in parts
    }


def test_a_file_that_is_gone_is_ours_to_answer_for(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        cutting.cut(tmp_path / "gone", MemoryStore(), chunk_bytes=7)


def test_a_store_that_takes_nothing_is_ours_to_answer_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")

    with pytest.raises(StorageUnavailable):
        cutting.cut(path, LocalStore(path), chunk_bytes=3)
