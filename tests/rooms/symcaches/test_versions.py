"""The version says all that decides about the bytes of a symcache."""

from symdepot.domain.symcache import reader
from symdepot.symcaches import models


def test_the_version_moves_with_the_format_that_symbolic_writes() -> None:
    assert models.VERSION % 1000 == reader.FORMAT_VERSION
