"""What tests of the short way begin with."""

import pytest
from tests.protocols.debuginfod.ways import LongWay

from symdepot.protocols.debuginfod.fast_path import FastPath


@pytest.fixture
def long_way() -> LongWay:
    return LongWay()


@pytest.fixture
def short_way(long_way: LongWay) -> FastPath:
    return FastPath(long_way)
