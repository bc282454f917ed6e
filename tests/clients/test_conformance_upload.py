"""`sentry-cli debug-files upload`: what people do every day."""

from pathlib import Path

import pytest
from tests.clients import builds, sentry_cli, wire
from tests.clients.conftest import StartDepot
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.both_databases,
]


@pytest.mark.conformance(1)
def test_a_new_file_is_ok_under_its_own_id(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    debug_id = builds.debug_id(path)
    seen = client.check(path)

    ended = client.upload(path)

    assert (ended.exit_code, ended.lines) == (
        0,
        [
            "> Found 1 debug information file",
            "> Prepared debug information file for upload",
            "> Uploaded 1 missing debug information file",
            "> File processing complete:",
            f"OK {debug_id} (hello; {seen.arch} {seen.kind})",
        ],
    )
    assert list(depot.wire.copies(debug_id).values()) == [path.read_bytes()]


@pytest.mark.conformance(2)
def test_a_known_file_is_not_sent_again(client: SentryCli, tmp_path: Path) -> None:
    path = builds.compiled(tmp_path)
    client.upload(path)

    ended = client.upload(path)

    assert (ended.exit_code, ended.lines) == (
        0,
        [
            "> Found 1 debug information file",
            "> Prepared debug information file for upload",
            "> Nothing to upload, all files are on the server",
        ],
    )


@pytest.mark.conformance(3)
def test_waiting_ends_when_all_files_are_done(
    client: SentryCli, tmp_path: Path
) -> None:
    program = builds.compiled(tmp_path, source=".cpp")
    debug_id = builds.debug_id(program)
    paths = [builds.companion(program), builds.stripped(program)]
    arch = client.check(program).arch

    ended = client.upload("--wait", *paths)

    assert (ended.exit_code, ended.lines) == (
        0,
        [
            "> Found 2 debug information files",
            "> Prepared debug information files for upload",
            "> Uploaded 2 missing debug information files",
            "> File processing complete:",
            f"OK {debug_id} (hello.debug; {arch} debug companion)",
            f"OK {debug_id} (hello.stripped; {arch} library)",
        ],
    )


@pytest.mark.conformance(4)
def test_of_many_files_only_the_new_ones_are_sent(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    paths = [builds.compiled(tmp_path, f"part{n}") for n in range(12)]
    known, *new = paths
    seen = client.check(known)
    client.upload(known)

    ended = client.upload(tmp_path)

    assert (ended.exit_code, ended.lines) == (
        0,
        [
            "> Found 12 debug information files",
            "> Prepared debug information files for upload",
            "> Uploaded 11 missing debug information files",
            "> File processing complete:",
            *sorted(
                f"OK {builds.debug_id(path)} ({path.name}; {seen.arch} {seen.kind})"
                for path in new
            ),
        ],
    )
    for path in paths:
        copies = depot.wire.copies(builds.debug_id(path))
        assert list(copies.values()) == [path.read_bytes()]


@pytest.mark.conformance(7)
def test_an_unreadable_file_is_an_error_each_time(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path, unpacked_bytes = builds.lying(builds.compiled(tmp_path))
    size_bytes = path.stat().st_size
    told_of_file = [
        "> File processing complete:",
        "ERROR hello",
        (
            f"Invalid debug information file: its {size_bytes} bytes "
            f"say that they unpack to {unpacked_bytes} bytes"
        ),
    ]

    first, second = client.upload(path), client.upload("--wait", path)

    assert (first.exit_code, first.lines) == (
        1,
        [
            "> Found 1 debug information file",
            "> Prepared debug information file for upload",
            "> Uploaded 1 missing debug information file",
            *told_of_file,
        ],
    )
    assert (second.exit_code, second.lines) == (
        1,
        [
            "> Found 1 debug information file",
            "> Prepared debug information file for upload",
            *told_of_file,
        ],
    )
    assert "some symbols did not process correctly" in second.reported
    assert depot.wire.files(debug_id=builds.debug_id(path)) == []


def test_waiting_lasts_until_a_worker_starts(
    start_depot: StartDepot, newest: SentryCli, tmp_path: Path
) -> None:
    depot = start_depot(workers=0, web_workers=1, assemble_wait=0)
    clients = [
        depot.client(SentryCli(version, sentry_cli.fetched(version), newest.home))
        for version in sentry_cli.VERSIONS
    ]
    paths = [builds.compiled(tmp_path, f"of{n}") for n in range(len(clients))]
    waiting = [
        client.started("debug-files", "upload", "--wait", path)
        for client, path in zip(clients, paths, strict=True)
    ]
    impatient = clients[0].upload(builds.compiled(tmp_path, "left"))
    assert impatient.exit_code == 0
    assert "UPLOADED" in impatient.stdout

    with depot.one_more_worker():
        ends = [sentry_cli.wait(process) for process in waiting]

    assert [(end.exit_code, end.lines[-1].split()[:2]) for end in ends] == [
        (0, ["OK", builds.debug_id(path)]) for path in paths
    ]


def test_a_file_is_served_whole_and_in_part(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    client.upload(path)
    content = path.read_bytes()
    (found,) = depot.wire.files(debug_id=builds.debug_id(path))
    place = f"{depot.wire.files_path}/dsyms/?id={found['id']}"

    whole = depot.wire.ask("GET", place)
    part = depot.wire.ask("GET", place, headers=[("Range", "bytes=1000-1999")])

    assert (whole.status, whole.content) == (200, content)
    assert whole.headers["content-length"] == str(len(content))
    assert whole.headers["etag"] == f'"{wire.sha1(content)}"'
    assert (part.status, part.content) == (206, content[1000:2000])
