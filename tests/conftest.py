"""Fixtures of all tests: an empty store, a queue that runs at once, small limits."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog
from django.db import connection
from pytest_django import Settings
from structlog._config import BoundLoggerLazyProxy
from structlog.testing import capture_logs
from structlog.typing import EventDict
from tests import environment
from tests.contracts.seaweed import S3Server, running_s3
from tests.task_queues import DUMMY, IMMEDIATE, HeldQueue
from tests.transactions import committed_at_once

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.symstore_log import first_since
from symdepot.debugfiles.usage import in_minute
from symdepot.projects.rate_limit import rate_limiter
from symdepot.protocols.request_metrics import page
from symdepot.symcaches.disk_cache import disk_cache
from symdepot.symcaches.opener import memory_cache

# No deadline: an example takes longer on a busy machine.
hypothesis.settings.register_profile(
    "symdepot",
    database=None,
    deadline=None,
    max_examples=100 if environment.IS_THOROUGH else 10,
    print_blob=True,
)
hypothesis.settings.load_profile("symdepot")


# Packages whose SQL is their own, or whose rows several processes change at once.
_ON_BOTH_DATABASES = tuple(
    Path(__file__).parent / folder
    for folder in (
        "contracts",
        "debugfiles",
        "jobs",
        "pipeline",
        "projects",
        "symcaches",
        "uploads",
    )
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests with the S3 server, and those that run on Postgres, too.

    The latter are those of the packages above, and all that commit: these are about
    several connections. Other modules carry the mark themselves.
    """
    for item in items:
        if "s3_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.server)
        if database := item.get_closest_marker("django_db"):
            is_below = any(map(item.path.is_relative_to, _ON_BOTH_DATABASES))
            if is_below or database.kwargs.get("transaction"):
                item.add_marker(pytest.mark.both_databases)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
) -> None:
    """Do not wait for the disk: no test survives a loss of power."""
    if connection.vendor == "sqlite":
        connection.settings_dict["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"


@pytest.fixture(scope="session", autouse=True)
def run_hooks_of_rolled_back_transactions() -> Iterator[None]:
    with committed_at_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def do_not_cache_loggers() -> Iterator[None]:
    """Let `capture_logs` see a logger that another test has used before.

    A cached logger keeps the processors of its first use, whatever is configured later.
    """
    configure = structlog.configure

    def configure_without_cache(**settings: Any) -> None:
        configure(**{**settings, "cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", configure_without_cache)
        structlog.configure()
        yield


@pytest.fixture
def log() -> Iterator[list[EventDict]]:
    """Return the list of what is logged, as it is logged."""
    loggers = (getattr(module, "_log", None) for module in list(sys.modules.values()))
    for logger in loggers:
        if isinstance(logger, BoundLoggerLazyProxy):
            # It keeps the configuration under which it was cached.
            vars(logger).pop("bind", None)
    with capture_logs() as entries:
        yield entries


@pytest.fixture(autouse=True)
def initial_state(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.BLOB_URL = "memory://"
    settings.SCRATCH_DIR = tmp_path / "scratch"
    settings.DATA_DIR = tmp_path
    settings.PUBLIC_URL = "http://depot.test"
    settings.TASKS = IMMEDIATE
    settings.ASSEMBLE_WAIT_SECONDS = 0.2
    settings.SYMCACHES = False
    settings.RATES_FILE = tmp_path / "rates"
    settings.COUNTS_DIR = tmp_path / "counts"
    settings.SYMCACHE_DIR = tmp_path / "symcaches"
    settings.WANTED_WRITE_SECONDS = 0
    settings.CHUNK_SIZE = 1 << 20
    settings.MAX_REQUEST_SIZE = 4 << 20
    _clear_caches()
    yield
    _clear_caches()


def _clear_caches() -> None:
    for cached in (
        blob_store,
        disk_cache,
        memory_cache,
        rate_limiter,
        page,
        in_minute,
        first_since,
    ):
        cached.cache_clear()


@pytest.fixture
def held_queue(settings: Settings) -> HeldQueue:
    """Return a queue in which tasks wait until the test runs them."""
    settings.TASKS = DUMMY
    settings.ASSEMBLE_WAIT_SECONDS = 0
    return HeldQueue()


@pytest.fixture
def disk(settings: Settings, tmp_path: Path) -> Path:
    """Store blobs on disk; return the folder."""
    folder = tmp_path / "blobs"
    settings.BLOB_URL = f"file://{folder}"
    blob_store.cache_clear()
    return folder


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server
