"""Installations to start, and one server that many tests look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.running import Installation, RunningServer, an_installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with an_installation(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def server_installation(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    with an_installation(tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture(scope="session")
def server(server_installation: Installation) -> Iterator[RunningServer]:
    """Run a server that tests may wound, as long as it heals."""
    with server_installation.serving() as running:
        yield running
