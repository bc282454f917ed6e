"""The version of symcaches includes the format that symbolic writes."""

from symdepot.domain.symcache import reader
from symdepot.symcaches import models


def test_the_version_contains_the_format_version_of_symbolic() -> None:
    assert models.VERSION % 1000 == reader.FORMAT_VERSION
