from io import BytesIO

import pytest

from symdepot.blobs.incoming import read_blocks, verify_content
from symdepot.domain.errors import BlobDamaged, ChecksumMismatch
from symdepot.domain.ids import Checksum

MIB = 1 << 20
CONTENT = bytes(range(256)) * 10_000


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
