"""Real disks that are unmounted, full or read-only, under a running server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.clients import crashing
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot
from tests.factories import a_breakpad_file

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.both_databases]

SENTENCE = "The storage is not the one of this database"


def mount(*arguments: str | Path) -> None:
    """Mount, or skip the test where that is not permitted."""
    if os.geteuid():
        pytest.skip("only root can mount")
    done = subprocess.run(["mount", *arguments], capture_output=True, check=False)  # noqa: S603, S607
    if done.returncode:
        pytest.skip(f"mount is not permitted: {done.stderr.decode().strip()}")


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S603, S607


@contextmanager
def mounted(folder: Path, *arguments: str | Path) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    mount(*arguments, folder)
    try:
        yield
    finally:
        unmount(folder)


def problems(depot: Depot) -> dict[str, str]:
    """Return what `/health/ready` reports; nothing if it is 200."""
    answer = depot.wire.ask("GET", "/health/ready")
    assert (answer.status == 200) == (answer.json()["status"] == "ok")
    found: dict[str, str] = answer.json().get("problems", {})
    return found


def doctor(depot: Depot) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "symdepot", "doctor"],
        env=dict(depot.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_without_its_disk_nothing_is_ok_and_nothing_is_written(
    start_depot: StartDepot, tmp_path: Path
) -> None:
    disk, blobs = tmp_path / "disk", tmp_path / "blobs"
    disk.mkdir()
    known, new = a_breakpad_file(), a_breakpad_file()
    with mounted(blobs, "--bind", disk):
        depot = start_depot(blob_url=blobs.as_uri())
        assert depot.wire.upload(known, "known.sym")["state"] == "ok"

    # At once, though readers trust a check for some seconds.
    assert depot.wire.send(new).status == 503
    assert crashing.comes_true(lambda: "storage" in problems(depot), within_seconds=5)
    assert SENTENCE in problems(depot)["storage"]
    assert f"storage: {SENTENCE}" in doctor(depot)
    answer = depot.wire.ask("GET", f"{depot.wire.files_path}/dsyms/")
    assert (answer.status, SENTENCE in answer.content.decode()) == (503, True)
    assert depot.wire.ask("GET", "/health/live").status == 200
    assert list(blobs.iterdir()) == []

    with mounted(blobs, "--bind", disk):
        assert problems(depot) == {}
        for content in (known, new):
            assert depot.wire.upload(content, "hello.sym")["state"] == "ok"
