"""The way of old clients, where an organization's clients are told to send zips."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.clients import builds, wire, wiretap
from tests.clients import depot as depots
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli
from tests.clients.wiretap import Wiretap
from tests.fixtures import builders

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

SENDS_CHUNKS_ALL_THE_SAME = (3, 0, 0)
ASKS_FOR_REPROCESSING_UNTIL = (2, 32, 1)
REFUSES_A_NAME_TWICE = (2, 58, 0)
DONE = "> File upload complete:"
ALL_KNOWN = "> Nothing to upload, all files are on the server"


@pytest.fixture(scope="session")
def tap() -> Iterator[Wiretap]:
    """The wire to the server of these tests."""
    with wiretap.opened() as tap:
        yield tap


@pytest.fixture(scope="session")
def depot(tap: Wiretap) -> Iterator[Depot]:
    """A server that wants no chunks."""
    with depots.running({"public_url": tap.url}) as depot:
        tap.lead_to(depot.wire.address)
        depot.told("org", "set", depots.ORGANIZATION, "--no-chunk-upload")
        yield depot


@pytest.fixture
def client(cli: SentryCli, depot: Depot) -> SentryCli:
    """A client that does what it is told."""
    if cli.number >= SENDS_CHUNKS_ALL_THE_SAME:
        pytest.skip(f"sentry-cli {cli} knows no other way than chunks")
    return depot.client(cli)


def two_programs(folder: Path) -> list[Path]:
    return [builds.compiled(folder, "hello"), builds.compiled(folder, "world")]


def asked(tap: Wiretap) -> list[str]:
    """Return the last words of the paths that were asked for, in order."""
    paths = [exchange.path.partition("?")[0] for exchange in tap.exchanges]
    return [path.rstrip("/").rpartition("/")[2] for path in paths]


@pytest.mark.all_versions
def test_a_zip_holds_the_files_that_the_server_lacks(
    client: SentryCli, depot: Depot, tap: Wiretap, tmp_path: Path
) -> None:
    programs = two_programs(tmp_path)
    arch = client.check(programs[0]).arch
    tap.exchanges.clear()

    ended = client.upload(*programs)

    assert (ended.exit_code, ended.lines) == (
        0,
        [
            "> Found 2 debug information files",
            "> Prepared debug information files for upload",
            "Batch 1",
            "> Compressing 2 debug symbol files",
            "> Uploading debug symbol files",
            DONE,
            *[f"{builds.debug_id(each)} ({each.name}; {arch})" for each in programs],
        ],
    )
    asks_more = client.number <= ASKS_FOR_REPROCESSING_UNTIL
    assert asked(tap) == [
        *("chunk-upload", "unknown", "dsyms"),
        *(["reprocessing"] if asks_more else []),
    ]
    for each in programs:
        copies = depot.wire.copies(builds.debug_id(each))
        assert list(copies.values()) == [each.read_bytes()]


def test_the_second_time_there_is_nothing_to_send(
    client: SentryCli, depot: Depot, tap: Wiretap, tmp_path: Path
) -> None:
    programs = two_programs(tmp_path)
    assert client.upload(*programs).exit_code == 0
    tap.exchanges.clear()

    ended = client.upload(*programs)

    assert (ended.exit_code, ALL_KNOWN in ended.lines) == (0, True)
    assert "dsyms" not in asked(tap)


def test_of_known_and_new_files_only_the_new_ones_are_sent(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    known, new = two_programs(tmp_path)
    client.upload(known)

    ended = client.upload(known, new)

    about = ended.lines[ended.lines.index(DONE) + 1 :]
    assert ended.exit_code == 0
    assert [line.split()[0] for line in about] == [builds.debug_id(new)]


@pytest.mark.all_versions
def test_a_fat_file_is_a_file_for_each_architecture(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    slices = [(uuid4(), builders.CPU_X86_64), (uuid4(), builders.CPU_ARM64)]
    fat = tmp_path / "App"
    fat.write_bytes(builders.fat_macho(slices, builders.dsym))

    first, second = client.upload(fat), client.upload(fat)

    if client.number >= REFUSES_A_NAME_TWICE:
        # It cuts the file, and then calls both slices the same in its zip.
        assert (first.exit_code, "Duplicate filename" in first.reported) == (1, True)
        return
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert ALL_KNOWN in second.lines
    for debug_id, cpu in slices:
        (row,) = depot.wire.files(debug_id=str(debug_id))
        thin = builders.dsym(debug_id, cpu)
        assert depot.wire.download(row["id"]).rstrip(b"\0") == thin.rstrip(b"\0")


def test_a_zipped_fat_file_is_split_by_the_server(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    slices = [(uuid4(), builders.CPU_X86_64), (uuid4(), builders.CPU_ARM64)]
    content = builders.fat_macho(slices, builders.dsym)
    fat = tmp_path / "App"
    fat.write_bytes(content)
    posted = depot.wire.send_zip({"App": content})
    assert {row["uuid"] for row in posted} == {str(each) for each, _ in slices}

    ended = client.upload(fat)

    assert (ended.exit_code, ALL_KNOWN in ended.lines) == (0, True)
    for debug_id, _ in slices:
        assert len(depot.wire.files(debug_id=str(debug_id))) == 1


def test_a_mapping_is_uploaded_in_a_zip(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    marker = uuid4()
    mapping = tmp_path / "mapping.txt"
    mapping.write_text(f"a.Game{marker.hex} -> a.a:\n    1:4:void run():16:19 -> b\n")

    ended = client.run("upload-proguard", "--uuid", str(marker), mapping)

    assert (ended.exit_code, ended.lines[-1]) == (0, str(marker))
    (row,) = depot.wire.files(debug_id=str(marker))
    assert row["sha1"] == wire.sha1(mapping.read_bytes())


def test_a_client_that_only_sends_chunks_is_accepted(
    newest: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    program = builds.compiled(tmp_path)

    ended = depot.client(newest).upload(program)

    assert ended.exit_code == 0
    assert ended.lines[-1].startswith(f"OK {builds.debug_id(program)} ")


def test_clients_send_chunks_again_when_the_server_asks(
    cli: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    depot.told("org", "set", depots.ORGANIZATION, "--chunk-upload")
    try:
        ended = depot.client(cli).upload(builds.compiled(tmp_path))
    finally:
        depot.told("org", "set", depots.ORGANIZATION, "--no-chunk-upload")

    assert (ended.exit_code, ended.lines[-1].split()[0]) == (0, "OK")
