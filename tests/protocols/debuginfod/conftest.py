"""Fixtures of the fast path."""

import pytest
from tests.protocols.debuginfod.wsgi_calls import CountingDjango

from symdepot.protocols.debuginfod.fast_path import FastPath


@pytest.fixture
def django() -> CountingDjango:
    return CountingDjango()


@pytest.fixture
def fast_path(django: CountingDjango) -> FastPath:
    return FastPath(django)
