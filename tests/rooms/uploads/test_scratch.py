"""What is lent on the scratch disk is gone at the end, and its troubles are the storage's."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from symdepot.domain.errors import StorageUnavailable
from symdepot.uploads.scratch import scratch_file


@contextmanager
def a_disk_that_takes(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow larger."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_what_is_lent_is_empty_and_gone_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "made when it is needed"

    with scratch_file(folder, prefix="joined-") as path:
        assert (path.parent, path.name[:7]) == (folder, "joined-")
        assert path.read_bytes() == b""

    assert list(folder.iterdir()) == []


def test_a_disk_that_is_full_while_it_is_written_is_ours_to_answer_for(
    tmp_path: Path,
) -> None:
    with (
        a_disk_that_takes(1000),
        pytest.raises(StorageUnavailable),
        scratch_file(tmp_path, prefix="joined-") as path,
    ):
        path.write_bytes(bytes(1001))

    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_lends_nothing_is_ours_to_answer_for(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(StorageUnavailable),
        scratch_file(tmp_path / "file" / "folder", prefix="joined-"),
    ):
        raise AssertionError
