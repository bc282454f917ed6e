"""Installations to start, and one server that many tests look at."""

from collections.abc import Iterator

import pytest
from tests.running import Installation, RunningServer, a_database_url


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with a_database_url() as url:
        yield Installation(tmp_path_factory.mktemp("depot") / "data", url)


@pytest.fixture(scope="session")
def server_installation(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    with a_database_url() as url:
        yield Installation(tmp_path_factory.mktemp("shared") / "data", url)


@pytest.fixture(scope="session")
def server(server_installation: Installation) -> Iterator[RunningServer]:
    """Run a server that tests may wound, as long as it heals."""
    with server_installation.serving() as running:
        yield running
