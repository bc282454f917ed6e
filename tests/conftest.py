"""What every test finds: an empty store, a queue that runs at once, small limits."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.db import connection
from pytest_django import Settings
from tests.contracts.seaweed import S3Server, running_s3
from tests.task_queues import DUMMY, IMMEDIATE, HeldQueue
from tests.transactions import committed_at_once

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.file_counts import in_minute
from symdepot.debugfiles.symstore_log import first_since
from symdepot.projects.rate_limit import rate_limiter
from symdepot.protocols.request_metrics import page
from symdepot.symcaches.disk_cache import disk_cache
from symdepot.symcaches.memory_cache import memory_cache

# How long an example takes depends on the machine; where it was found, on nobody.
hypothesis.settings.register_profile(
    "symdepot", database=None, deadline=None, max_examples=25, print_blob=True
)
hypothesis.settings.load_profile("symdepot")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
) -> None:
    """Wait for no disk: what a test writes need not survive a loss of power."""
    if connection.vendor == "sqlite":
        connection.settings_dict["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"


@pytest.fixture(scope="session", autouse=True)
def hooks_run_in_rolled_back_tests() -> Iterator[None]:
    with committed_at_once():
        yield


@pytest.fixture(autouse=True)
def house(settings: Settings, tmp_path: Path) -> Iterator[None]:
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
    _forget()
    yield
    _forget()


def _forget() -> None:
    for remembered in (
        blob_store,
        disk_cache,
        memory_cache,
        rate_limiter,
        page,
        in_minute,
        first_since,
    ):
        remembered.cache_clear()


@pytest.fixture
def held_queue(settings: Settings) -> HeldQueue:
    """Let what is queued wait until the test says otherwise."""
    settings.TASKS = DUMMY
    settings.ASSEMBLE_WAIT_SECONDS = 0
    return HeldQueue()


@pytest.fixture
def disk(settings: Settings, tmp_path: Path) -> Path:
    """Keep blobs on disk; return the folder."""
    folder = tmp_path / "blobs"
    settings.BLOB_URL = f"file://{folder}"
    blob_store.cache_clear()
    return folder


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server
