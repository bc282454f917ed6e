"""Real disks that are unmounted, full or read-only, under a running server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.clients import crashing, wire
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot
from tests.factories import a_breakpad_file

from symdepot.server import startup_checks

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.both_databases]

SYMBOLICATE = b'{"stacktraces": [], "modules": []}'
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
    files = f"{depot.wire.files_path}/dsyms/"
    assert crashing.comes_true(
        # Each of the web processes notices by itself.
        lambda: {depot.wire.ask("GET", files).status for _ in range(8)} == {503},
        within_seconds=5,
    )
    assert SENTENCE in depot.wire.ask("GET", files).content.decode()
    assert depot.wire.ask("GET", "/health/live").status == 200
    assert list(blobs.iterdir()) == []

    with mounted(blobs, "--bind", disk):
        assert problems(depot) == {}
        for content in (known, new):
            assert depot.wire.upload(content, "hello.sym")["state"] == "ok"


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no byte free in `folder`."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    filler.unlink()


@pytest.mark.parametrize("database", ["elsewhere", "same disk"])
def test_a_full_disk_is_answered_in_words(
    start_depot: StartDepot, tmp_path: Path, database: str
) -> None:
    data = tmp_path / "data"
    settings: dict[str, object] = {"data_dir": data, "symcache_disk": 1 << 20}
    if database == "same disk":
        settings["database_url"] = f"sqlite:///{data}/here.db"
    with mounted(data, "-t", "tmpfs", "-o", "size=40m", "tmpfs"):
        depot = start_depot(**settings)
        content = a_breakpad_file(at_least_bytes=3 << 20)
        form = wire.Multipart.of([wire.zipped({"hello.sym": content})])
        requests = {
            "zip": (f"{depot.wire.files_path}/dsyms/", form.content, form.content_type),
            "symbolicate": ("/symbolicate", SYMBOLICATE, "application/json"),
            "chunks": (depot.wire.chunks_path, form.content, form.content_type),
        }

        with filled(data):
            for name, (path, body, kind) in requests.items():
                headers = [("Content-Type", kind)]
                answer = depot.wire.ask("POST", path, body, headers=headers)
                assert (name, answer.status) == (name, 503)
                assert {*answer.json()} <= {"detail", "causes"}
                assert answer.json()["detail"].startswith(("A disk", "The "))
            assert set(problems(depot)) == {"disk"}
            assert f"the disk of {data} is full" in problems(depot)["disk"]
            assert depot.wire.ask("GET", "/health/live").status == 200

        assert problems(depot) == {}
        assert depot.wire.send_zip({"hello.sym": content})


def test_a_read_only_disk_is_not_ready(tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    with mounted(folder, "-t", "tmpfs", "-o", "ro", "tmpfs"):
        problem = startup_checks.disk_problem(folder / "not created yet")

    assert problem == f"{folder} cannot be written"
