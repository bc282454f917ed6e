import gc
import weakref
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest

from symdepot.blobs.incoming import read_blocks, storage_errors, verify_content
from symdepot.domain.errors import BlobDamaged, ChecksumMismatch, SymdepotError
from symdepot.domain.ids import Checksum

MIB = 1 << 20
CONTENT = bytes(range(256)) * 10_000


class Variable(set[str]):
    """Can be referred to weakly."""


def test_blocks_are_the_content() -> None:
    blocks = list(read_blocks(BytesIO(CONTENT), block_bytes=MIB))

    assert b"".join(blocks) == CONTENT


def test_the_right_content_is_read_to_its_end() -> None:
    content = BytesIO(CONTENT)

    verify_content(content, Checksum.of(CONTENT))

    assert content.tell() == len(CONTENT)


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"!", b""])
def test_wrong_content_is_read_to_its_end_and_refused(content: bytes) -> None:
    reader = BytesIO(content)

    with pytest.raises(BlobDamaged) as damaged:
        verify_content(reader, Checksum.of(CONTENT))

    mismatch = damaged.value.__cause__
    assert isinstance(mismatch, ChecksumMismatch)
    assert mismatch.claimed == Checksum.of(CONTENT)
    assert mismatch.actual == Checksum.of(content)
    assert reader.tell() == len(content)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_translated_error_leaves_no_cycle(tmp_path: Path, is_there: bool) -> None:  # noqa: FBT001 -- pytest hands it over by name
    path = tmp_path if is_there else tmp_path / "missing"

    def left() -> weakref.ref[set[str]]:
        variable = Variable()
        with suppress(SymdepotError), storage_errors(Checksum.of(b"")):
            path.read_bytes()
        return weakref.ref(variable)

    gc.disable()
    try:
        assert left()() is None
    finally:
        gc.enable()
