"""Temporary files of killed processes are removed at once, those in use are not."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from symdepot.blobs import temporary_files

DAY = timedelta(days=1)
WRITER = """
import sys, time
from pathlib import Path
from obstore.store import MemoryStore
from symdepot.blobs.buckets import BucketStore
from symdepot.blobs.local import LocalStore
from symdepot.uploads.scratch import scratch_file

folder = Path(sys.argv[1])
writers = [
    LocalStore(folder / "blobs").receive(),
    BucketStore(MemoryStore(), folder / "scratch").receive(),
]
for writer in writers:
    writer.write(b"half of a chunk")
with scratch_file(folder / "scratch", prefix="joined-"):
    print("ready", flush=True)
    time.sleep(60)
"""
"""Has one unfinished file of each kind."""


@contextmanager
def writing(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process that has unfinished files in `folder`."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def files_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def make_old(path: Path) -> None:
    os.utime(path, (0, 0))


def test_the_files_of_a_process_are_removed_when_it_was_killed(tmp_path: Path) -> None:
    with writing(tmp_path) as killed, writing(tmp_path):
        assert len(files_under(tmp_path)) == 6
        assert temporary_files.remove_abandoned(tmp_path, DAY) == 0

        killed.kill()
        killed.wait()

        assert temporary_files.remove_abandoned(tmp_path, DAY) == 3
        assert len(files_under(tmp_path)) == 3


@pytest.mark.parametrize(("is_old", "removed"), [(False, 0), (True, 1)])
def test_a_file_of_another_machine_is_removed_when_it_is_old(
    tmp_path: Path, *, is_old: bool, removed: int
) -> None:
    path = tmp_path / "joined-0badb007-0123456789abcdef"
    path.touch()
    if is_old:
        make_old(path)

    assert temporary_files.remove_abandoned(tmp_path, DAY) == removed


def test_an_old_file_that_is_locked_is_not_removed(tmp_path: Path) -> None:
    path, descriptor = temporary_files.create(tmp_path, prefix="joined-")
    make_old(path)

    assert temporary_files.remove_abandoned(tmp_path, DAY) == 0

    os.close(descriptor)
    assert temporary_files.remove_abandoned(tmp_path, DAY) == 1


def test_a_link_is_as_old_as_itself(tmp_path: Path) -> None:
    target, folder = tmp_path / "target", tmp_path / "scratch"
    folder.mkdir()
    target.touch()
    make_old(target)
    link = folder / "link-0badb007-0123456789abcdef"
    link.symlink_to(target)

    assert temporary_files.remove_abandoned(folder, DAY) == 0
    os.utime(link, (0, 0), follow_symlinks=False)
    assert temporary_files.remove_abandoned(folder, DAY) == 1

    assert target.exists()


def test_no_file_is_removed_while_it_is_created(tmp_path: Path) -> None:
    is_over = threading.Event()

    def remove() -> None:
        while not is_over.is_set():
            temporary_files.remove_abandoned(tmp_path, DAY)

    removers = [threading.Thread(target=remove) for _ in range(2)]
    for remover in removers:
        remover.start()
    try:
        for _ in range(300):
            path, descriptor = temporary_files.create(tmp_path, prefix="joined-")
            assert path.exists()
            path.unlink()
            os.close(descriptor)
    finally:
        is_over.set()
        for remover in removers:
            remover.join()


def test_a_missing_folder_has_no_files(tmp_path: Path) -> None:
    assert temporary_files.remove_abandoned(tmp_path / "nowhere", DAY) == 0
