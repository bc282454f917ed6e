"""Scratch files are deleted, and errors of their disk are `StorageUnavailable`."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from symdepot.domain.errors import StorageUnavailable
from symdepot.uploads.scratch import scratch_file


@contextmanager
def file_size_limit(size_bytes: int) -> Iterator[None]:
    """Limit the size of files that this process writes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_scratch_file_is_empty_and_deleted_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "made when it is needed"

    with scratch_file(folder, prefix="joined-") as path:
        assert (path.parent, path.name[:7]) == (folder, "joined-")
        assert path.read_bytes() == b""

    assert list(folder.iterdir()) == []


def test_a_full_disk_is_storage_unavailable(
    tmp_path: Path,
) -> None:
    with (
        file_size_limit(1000),
        pytest.raises(StorageUnavailable),
        scratch_file(tmp_path, prefix="joined-") as path,
    ):
        path.write_bytes(bytes(1001))

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_created_is_storage_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(StorageUnavailable),
        scratch_file(tmp_path / "file" / "folder", prefix="joined-"),
    ):
        raise AssertionError
