"""What comes along with a program: its sources, and the mappings of its names."""

import io
import json
import uuid
import zipfile
from pathlib import Path

import pytest
from tests.clients import builds
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

MAPPING = """\
com.example.Game{marker} -> a.a:
    int score -> b
    1:4:void run():16:19 -> c
"""
SENDS_MAPPINGS_IN_CHUNKS = (3, 0, 0)
SENDS_ANY_TEXT = (3, 3, 1)
TRIES_CHUNKS_OUT = (2, 39, 0)
# Older ones write the time of day into a bundle, as zip has it: in steps of 2 s.
PACKS_SOURCES_THE_SAME_EACH_TIME = (2, 21, 0)


@pytest.mark.conformance(8)
def test_a_source_bundle_is_stored_with_its_program(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    debug_id = builds.debug_id(path)
    seen = client.check(path)

    ended = client.upload("--wait", "--include-sources", path)

    assert (ended.exit_code, ended.lines) == (
        0,
        [
            "> Found 1 debug information file",
            "> Resolved source code for 1 debug information file",
            "> Prepared debug information files for upload",
            "> Uploaded 2 missing debug information files",
            "> File processing complete:",
            f"OK {debug_id} (hello; {seen.arch} {seen.kind})",
            f"OK {debug_id} (hello; {seen.arch} sources)",
        ],
    )
    rows = depot.wire.files(debug_id=debug_id)
    assert {row["symbolType"] for row in rows} == {"elf", "sourcebundle"}
    copies = {row["symbolType"]: depot.wire.download(row["id"]) for row in rows}
    assert copies["elf"] == path.read_bytes()
    assert (tmp_path / "hello.c").read_bytes() in _files_of(copies["sourcebundle"])


@pytest.mark.all_versions
def test_a_known_source_bundle_is_not_sent_again(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    client.upload("--wait", "--include-sources", path)

    ended = client.upload("--wait", "--include-sources", path)

    last = "> Nothing to upload, all files are on the server"
    if client.number < PACKS_SOURCES_THE_SAME_EACH_TIME and last not in ended.lines:
        seen = client.check(path)
        last = f"OK {builds.debug_id(path)} (hello; {seen.arch} sources)"
    assert (ended.exit_code, ended.lines[-1]) == (0, last)
    rows = depot.wire.files(debug_id=builds.debug_id(path))
    assert sorted(row["symbolType"] for row in rows) == ["elf", "sourcebundle"]


@pytest.mark.conformance(9)
def test_a_unity_line_mapping_is_stored_with_its_program(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path, source=".il2cpp.c")
    debug_id = builds.debug_id(path)
    seen = client.check(path)

    ended = client.upload("--wait", "--il2cpp-mapping", path)
    again = client.upload("--wait", "--il2cpp-mapping", path)

    assert (ended.exit_code, ended.lines) == (
        0,
        [
            "> Found 1 debug information file",
            "> Resolved il2cpp mappings for 1 debug information file",
            "> Prepared debug information files for upload",
            "> Uploaded 2 missing debug information files",
            "> File processing complete:",
            f"OK {debug_id} (hello; any)",
            f"OK {debug_id} (hello; {seen.arch} {seen.kind})",
        ],
    )
    assert (again.exit_code, again.lines[-1]) == (
        0,
        "> Nothing to upload, all files are on the server",
    )
    rows = {row["symbolType"]: row for row in depot.wire.files(debug_id=debug_id)}
    assert rows.keys() == {"elf", "il2cpp"}
    mapping = json.loads(depot.wire.download(rows["il2cpp"]["id"]))
    (sources,) = [files for name, files in mapping.items() if name.endswith(".c")]
    assert sources.keys() == {"/game/Main.cs", "/game/Player.cs"}


@pytest.mark.all_versions
@pytest.mark.conformance(14)
def test_a_proguard_mapping_is_stored_under_the_id_in_its_name(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    marker = uuid.uuid4()
    mapping = tmp_path / "mapping.txt"
    mapping.write_text(MAPPING.format(marker=marker.hex))

    ended = client.run("upload-proguard", "--uuid", str(marker), mapping)

    in_chunks = client.number >= SENDS_MAPPINGS_IN_CHUNKS
    assert (ended.exit_code, ended.lines) == (
        0,
        [
            "> Uploaded 1 missing debug information file",
            "> File processing complete:",
            f"OK {marker} (proguard-mapping; any)",
        ]
        if in_chunks
        else [
            "> compressing mappings",
            "> uploading mappings",
            "> Uploaded a total of 1 new mapping files",
            "Newly uploaded debug symbols:",
            str(marker),
        ],
    )
    (row,) = depot.wire.files(debug_id=str(marker))
    assert (row["symbolType"], row["data"]["features"]) == ("proguard", ["mapping"])
    assert depot.wire.download(row["id"]) == mapping.read_bytes()


@pytest.mark.all_versions
def test_a_known_proguard_mapping_is_not_stored_again(
    client: SentryCli, tmp_path: Path
) -> None:
    marker = uuid.uuid4()
    mapping = tmp_path / "mapping.txt"
    mapping.write_text(MAPPING.format(marker=marker.hex))
    client.run("upload-proguard", "--uuid", str(marker), mapping)

    ended = client.run("upload-proguard", "--uuid", str(marker), mapping)

    in_chunks = client.number >= SENDS_MAPPINGS_IN_CHUNKS
    assert (ended.exit_code, ended.lines[-1]) == (
        0,
        "> Nothing to upload, all files are on the server"
        if in_chunks
        else "> Uploaded a total of 0 new mapping files",
    )


@pytest.mark.all_versions
def test_a_known_mapping_is_stored_under_another_id(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    mapping = tmp_path / "mapping.txt"
    mapping.write_text(MAPPING.format(marker=one.hex))
    client.run("upload-proguard", "--uuid", str(one), mapping)

    ended = client.run("upload-proguard", "--uuid", str(two), mapping)

    assert ended.exit_code == 0
    for each in (one, two):
        (row,) = depot.wire.files(debug_id=str(each))
        assert depot.wire.download(row["id"]) == mapping.read_bytes()
    if client.number < SENDS_MAPPINGS_IN_CHUNKS:
        assert ended.lines[-1] == str(two)


@pytest.mark.all_versions
def test_a_mapping_is_uploaded_in_chunks_with_the_experimental_option(
    cli: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    if not TRIES_CHUNKS_OUT <= cli.number < SENDS_MAPPINGS_IN_CHUNKS:
        pytest.skip(f"sentry-cli {cli} has one way only")
    client = depot.client(cli)
    trying = {**client.settings, "SENTRY_EXPERIMENTAL_PROGUARD_CHUNK_UPLOAD": "1"}
    marker = uuid.uuid4()
    mapping = tmp_path / "mapping.txt"
    mapping.write_text(MAPPING.format(marker=marker.hex))

    ended = client.configured(**trying).run(
        "upload-proguard", "--uuid", str(marker), mapping
    )

    assert (ended.exit_code, ended.lines[-1]) == (
        0,
        f"OK {marker} (proguard-mapping; any)",
    )
    assert list(depot.wire.copies(str(marker)).values()) == [mapping.read_bytes()]


@pytest.mark.all_versions
def test_a_text_that_is_no_mapping_is_refused(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    marker = uuid.uuid4()
    prose = tmp_path / "mapping.txt"
    prose.write_text(f"This file is no mapping, but {marker}.\n")

    ended = client.run("upload-proguard", "--uuid", str(marker), prose)

    if client.number >= SENDS_ANY_TEXT:
        assert ended.exit_code == 1
        assert "This file is not a ProGuard mapping." in ended.lines
    else:
        assert "> Uploaded a total of 0 new mapping files" in ended.lines
    assert depot.wire.files(debug_id=str(marker)) == []


@pytest.mark.all_versions
def test_an_upload_without_a_usable_mapping_succeeds(
    client: SentryCli, tmp_path: Path
) -> None:
    unusable = tmp_path / "mapping.txt"
    unusable.write_text(f"com.example.Game{uuid.uuid4().hex} -> a.a:\n")

    ended = client.run("upload-proguard", unusable)

    takes_any_text = client.number >= SENDS_ANY_TEXT
    said = "proguard-mapping" if takes_any_text else "a total of 0 new mapping files"
    assert (ended.exit_code, said in ended.stdout) == (0, True)


@pytest.mark.conformance(13)
def test_files_inside_a_zip_are_found(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    debug_id = builds.debug_id(path)
    content = path.read_bytes()
    folder = tmp_path / "packed"
    folder.mkdir()
    with zipfile.ZipFile(folder / "symbols.zip", "w") as packed:
        packed.write(path, "inside/hello")

    ended = client.upload("--wait", folder)

    assert (ended.exit_code, ended.lines[-1].split()[:2]) == (0, ["OK", debug_id])
    assert list(depot.wire.copies(debug_id).values()) == [content]


def _files_of(bundle: bytes) -> list[bytes]:
    """Return what is in a source bundle: a zip behind a header of eight bytes."""
    assert bundle[:4] == b"SYSB"
    with zipfile.ZipFile(io.BytesIO(bundle)) as packed:
        return [packed.read(name) for name in packed.namelist()]
