"""Symcaches come by themselves, whatever dies, and no upload waits for them."""

import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
import symbolic
from tests.clients import builds, crashing, wire
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli

from symdepot.domain.formats import inspection

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

FAULTS = Path(__file__).parent / "faults"
RECOVERY_SECONDS = 60
ROOMY = {"chunk_size": 1 << 27, "max_request_size": 1 << 27}
"""Settings with which a large file is sent as one chunk."""

LARGE = Path(symbolic.__file__).with_name("_lowlevel__lib.so")
"""77 MB of ELF with DWARF, of which a symcache takes seconds."""


@pytest.fixture
def large() -> bytes:
    """A content whose conversion takes seconds."""
    return LARGE.read_bytes()


def symcache(depot: Depot, content: bytes) -> Any:
    """Return what the list says of the symcache of a file."""
    (row,) = [r for r in depot.wire.all_files() if r["sha1"] == wire.sha1(content)]
    return row["symcache"]


def comes_to(depot: Depot, content: bytes, outcome: str) -> bool:
    return crashing.comes_true(
        lambda: symcache(depot, content)["outcome"] == outcome,
        within_seconds=RECOVERY_SECONDS,
    )


def send(depot: Depot, content: bytes) -> None:
    """Send a file the whole way, until it is `ok`."""
    assert depot.wire.upload(content, "program")["state"] == "ok"


def another(content: bytes) -> bytes:
    """Return a content that is another's, with a build id of its own."""
    (found,) = inspection.inspect(LARGE, name=LARGE.name)
    assert found.code_id is not None
    build_id = bytes.fromhex(found.code_id.hex)
    assert content.count(build_id) == 1
    return content.replace(build_id, secrets.token_bytes(len(build_id)))


def spoiled(path: Path) -> Path:
    """Return a copy whose debug information makes no sense."""
    garbage, copy = path.with_name("garbage"), path.with_suffix(".spoiled")
    garbage.write_bytes(b"\xff" * 40)
    option = f"--update-section=.debug_abbrev={garbage}"
    subprocess.run(["objcopy", option, path, copy], check=True)  # noqa: S603, S607 -- our words
    return copy


def test_an_uploaded_file_gets_a_symcache(
    newest: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)

    assert depot.client(newest).upload(path).exit_code == 0

    assert comes_to(depot, path.read_bytes(), "made")


def test_an_upload_succeeds_without_a_symcache_and_shows_the_reason(
    newest: SentryCli, share_depot: StartDepot, tmp_path: Path
) -> None:
    depot = share_depot(assemble_wait=0)
    path = spoiled(builds.compiled(tmp_path))
    debug_id, seen = builds.debug_id(path), newest.check(path)
    depot.client(newest).upload("--wait", path)
    assert comes_to(depot, path.read_bytes(), "failed")

    other = depot.of_project("other")
    client = newest.configured(
        SENTRY_URL=depot.url,
        SENTRY_ORG=other.organization,
        SENTRY_PROJECT=other.project,
        SENTRY_AUTH_TOKEN=other.token,
    )
    ended = client.upload("--wait", path)

    assert ended.exit_code == 0
    assert f"OK {debug_id} (hello.spoiled; {seen.arch} {seen.kind})" in ended.lines
    assert (
        "No symcache could be made of it: bad debug file: "
        "corrupted dwarf debug data: unsigned LEB128 overflow"
    ) in ended.lines


def test_a_symcache_of_a_killed_worker_is_created_by_another(
    start_depot: StartDepot, large: bytes
) -> None:
    depot = start_depot(lease=2, **ROOMY)
    send(depot, large)
    assert comes_to(depot, large, "making")

    for worker in depot.workers():
        worker.kill()

    assert symcache(depot, large)["outcome"] != "made"
    assert comes_to(depot, large, "made")


@pytest.mark.parametrize(
    "moment",
    [
        "before operations.convert",
        "after operations.convert",
        "after lifecycle.finish",
        "after steps.create_symcache",
        "after steps.assemble",
    ],
)
def test_a_symcache_is_created_whichever_step_is_killed(
    share_depot: StartDepot, tmp_path: Path, moment: str
) -> None:
    depot = share_depot(faults=FAULTS, lease=1, assemble_wait=0)
    (depot.folder / "die").mkdir(exist_ok=True)
    told = depot.folder / "die" / moment
    told.touch()
    content = builds.Series.of(tmp_path / "first", filling_bytes=10).next()

    depot.wire.upload(content, "program")

    assert crashing.comes_true(
        lambda: not told.exists(), within_seconds=RECOVERY_SECONDS
    )
    assert comes_to(depot, content, "made")


def test_no_upload_waits_for_symcaches(
    start_depot: StartDepot, large: bytes, tmp_path: Path
) -> None:
    depot = start_depot(workers=1, **ROOMY)
    contents = [large, another(large)]
    for content in contents:
        send(depot, content)
    assert comes_to(depot, contents[0], "making")

    send(depot, builds.compiled(tmp_path).read_bytes())

    outcomes = [symcache(depot, content)["outcome"] for content in contents]
    assert outcomes == ["making", "queued"]


def test_what_a_request_waits_for_is_created_before_what_was_uploaded_earlier(
    start_depot: StartDepot, large: bytes, tmp_path: Path
) -> None:
    depot = start_depot(workers=1, **ROOMY)
    path = builds.compiled(tmp_path)
    first, second, needed = large, another(large), path.read_bytes()
    for content in (first, second, needed):
        send(depot, content)
    assert comes_to(depot, first, "making")

    module = {"type": "elf", "debug_id": builds.debug_id(path), "image_addr": "0x0"}
    body = {"stacktraces": [{"frames": [{"instruction_addr": "0x1"}]}]}
    answer = depot.wire.ask(
        "POST",
        "/symbolicate?timeout=60",
        json.dumps({**body, "modules": [module]}).encode(),
        headers=[("Content-Type", "application/json")],
    )

    assert answer.json()["status"] == "completed"
    outcomes = [symcache(depot, c)["outcome"] for c in (first, second, needed)]
    assert (outcomes[0], outcomes[2]) == ("made", "made")
    assert outcomes[1] in {"queued", "making"}


def test_no_converter_process_is_left_when_the_server_stops(
    start_depot: StartDepot, large: bytes
) -> None:
    depot = start_depot(workers=1, **ROOMY)
    send(depot, large)
    assert comes_to(depot, large, "making")
    assert crashing.comes_true(
        lambda: any(process.nice() == 19 for process in depot.offspring()),
        within_seconds=RECOVERY_SECONDS,
    )
    started = depot.offspring()

    depot.process.terminate()

    _, alive = psutil.wait_procs(started, timeout=15)
    assert alive == []
