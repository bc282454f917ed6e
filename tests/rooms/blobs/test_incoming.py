from io import BytesIO

import pytest

from symdepot.blobs.incoming import VerifiedReader
from symdepot.domain.errors import ChecksumMismatch
from symdepot.domain.ids import Checksum

MIB = 1 << 20
CONTENT = bytes(range(256)) * 10_000


def test_the_reader_returns_and_counts_the_bytes() -> None:
    reader = VerifiedReader(BytesIO(CONTENT), Checksum.of(CONTENT))

    blocks = list(iter(lambda: reader.read(MIB), b""))

    assert b"".join(blocks) == CONTENT
    assert reader.size_bytes == len(CONTENT)


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"!", b""])
def test_the_reader_raises_at_the_end_of_wrong_content(content: bytes) -> None:
    reader = VerifiedReader(BytesIO(content), Checksum.of(CONTENT))

    with pytest.raises(ChecksumMismatch) as mismatch:
        list(iter(lambda: reader.read(MIB), b""))

    assert mismatch.value.claimed == Checksum.of(CONTENT)
    assert mismatch.value.actual == Checksum.of(content)
    assert reader.size_bytes == len(content)
