"""What every test finds: an empty store, a queue that runs at once, small limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import SettingsWrapper

from symdepot.blobs.configured import blob_store

IMMEDIATE = {"default": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"}}


@pytest.fixture(autouse=True)
def house(settings: SettingsWrapper, tmp_path: Path) -> Iterator[None]:
    settings.BLOB_URL = "memory://"
    settings.SCRATCH_DIR = tmp_path / "scratch"
    settings.PUBLIC_URL = "http://depot.test"
    settings.TASKS = IMMEDIATE
    settings.ASSEMBLE_WAIT_SECONDS = 0.2
    settings.CHUNK_SIZE = 1 << 20
    settings.MAX_REQUEST_SIZE = 4 << 20
    blob_store.cache_clear()
    yield
    blob_store.cache_clear()
