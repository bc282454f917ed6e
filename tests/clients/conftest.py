"""Real servers and real clients, started when a test first asks for them."""

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
    """Returns a server with these settings, for all tests that only add to it."""
    with ExitStack() as stack:

        @functools.cache
        def share(faults: Path | None = None, **settings: object) -> Depot:
            return stack.enter_context(depots.running(settings, faults))

        yield share


@pytest.fixture(scope="session")
def depot(share_depot: StartDepot) -> Depot:
    """A server as it comes."""
    return share_depot()


@pytest.fixture
def start_depot() -> Iterator[StartDepot]:
    """Starts servers for one test, with settings of its own."""
    with ExitStack() as stack:
        yield lambda faults=None, **settings: stack.enter_context(
            depots.running(settings, faults)
        )


# What is between a client and the database is the same for all of them.
VERSIONS = (
    sentry_cli.OLDEST_AND_NEWEST if environment.database_url() else sentry_cli.VERSIONS
)


@pytest.fixture(scope="session", params=VERSIONS)
def cli(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> SentryCli:
    """A client that is not configured; each version in its turn."""
    version: str = request.param
    home = tmp_path_factory.mktemp(f"home-{version}")
    return SentryCli(version, sentry_cli.fetched(version), home)


@pytest.fixture
def client(cli: SentryCli, depot: Depot) -> SentryCli:
    """A client that speaks to the server of the session."""
    return depot.client(cli)


@pytest.fixture
def newest(tmp_path: Path) -> SentryCli:
    """The newest client, where one is enough."""
    return SentryCli(sentry_cli.NEWEST, sentry_cli.fetched(sentry_cli.NEWEST), tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[
    None, pytest.TestReport, pytest.TestReport
]:
    """Show, beside a failure, what the servers said last."""
    report = yield
    if report.failed:
        for url, tail in depots.tails():
            report.sections.append((f"log of {url}", tail))
    return report
