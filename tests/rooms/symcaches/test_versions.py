"""The version says all that decides about the bytes of a symcache."""

from symdepot.domain import symcache
from symdepot.symcaches import versions


def test_the_version_moves_with_the_format_that_symbolic_writes() -> None:
    assert versions.VERSION % 1000 == symcache.FORMAT_VERSION
