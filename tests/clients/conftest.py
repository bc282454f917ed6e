"""Real servers and real clients, started when a test first needs them."""

import functools
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests import environment
from tests.clients import depot as depots
from tests.clients import sentry_cli
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli

type StartDepot = Callable[..., Depot]


@pytest.fixture(scope="session")
def share_depot() -> Iterator[StartDepot]:
    """Return a function that returns a server, shared by tests that only add to it."""
    with ExitStack() as stack:

        @functools.cache
        def share(faults: Path | None = None, **settings: object) -> Depot:
            return stack.enter_context(depots.running(settings, faults))

        yield share


@pytest.fixture(scope="session")
def depot(share_depot: StartDepot) -> Depot:
    """Return a server with default settings."""
    return share_depot()


@pytest.fixture
def start_depot() -> Iterator[StartDepot]:
    """Return a function that starts a server for one test."""
    with ExitStack() as stack:
        yield lambda faults=None, **settings: stack.enter_context(
            depots.running(settings, faults)
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what takes a client with the oldest and the newest version.

    A test marked `all_versions`, whose versions differ, runs with each.
    """
    if "cli" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("all_versions")
        needs_all = marked is not None or environment.IS_THOROUGH
        versions = sentry_cli.VERSIONS if needs_all else sentry_cli.OLDEST_AND_NEWEST
        metafunc.parametrize("cli", versions, indirect=True, scope="session")


@pytest.fixture(scope="session")
def cli(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> SentryCli:
    """Return a client that is not configured."""
    version: str = request.param
    home = tmp_path_factory.mktemp(f"home-{version}")
    return SentryCli(version, sentry_cli.fetched(version), home)


@pytest.fixture
def client(cli: SentryCli, depot: Depot) -> SentryCli:
    """Return a client of the shared server."""
    return depot.client(cli)


@pytest.fixture
def newest(tmp_path: Path) -> SentryCli:
    """Return the newest client."""
    return SentryCli(sentry_cli.NEWEST, sentry_cli.fetched(sentry_cli.NEWEST), tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[
    None, pytest.TestReport, pytest.TestReport
]:
    """Add the last log lines of the servers to a failure."""
    report = yield
    if report.failed:
        for url, tail in depots.tails():
            report.sections.append((f"log of {url}", tail))
    return report
