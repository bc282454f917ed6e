"""What tests of the short way begin with."""

import pytest
from tests.protocols.debuginfod.wsgi_calls import CountedDjango

from symdepot.protocols.debuginfod.fast_path import FastPath


@pytest.fixture
def long_way() -> CountedDjango:
    return CountedDjango()


@pytest.fixture
def short_way(long_way: CountedDjango) -> FastPath:
    return FastPath(long_way)
