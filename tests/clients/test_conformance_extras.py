"""What comes along with a program: its sources, and the mappings of its names."""

import io
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
# Older ones write the time of day into a bundle, as zip has it: in steps of 2 s.
PACKS_SOURCES_THE_SAME_EACH_TIME = (2, 21, 0)


def test_sources_are_kept_beside_the_program_they_belong_to(
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


def test_sources_that_are_known_are_not_sent_again(
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


def test_a_mapping_that_is_not_taken_yet_leaves_the_program_ok(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path, source=".il2cpp.c")
    debug_id = builds.debug_id(path)
    seen = client.check(path)

    ended = client.upload("--wait", "--il2cpp-mapping", path)

    assert (ended.exit_code, ended.lines) == (
        1,
        [
            "> Found 1 debug information file",
            "> Resolved il2cpp mappings for 1 debug information file",
            "> Prepared debug information files for upload",
            "> Uploaded 2 missing debug information files",
            "> File processing complete:",
            "ERROR hello",
            "Invalid debug information file: unsupported object file format",
            f"OK {debug_id} (hello; {seen.arch} {seen.kind})",
        ],
    )
    assert list(depot.wire.copies(debug_id).values()) == [path.read_bytes()]


def test_a_proguard_mapping_is_kept_under_the_id_of_its_name(
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


def test_a_proguard_mapping_that_is_known_is_not_new(
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


def test_no_usable_mapping_is_no_error(client: SentryCli, tmp_path: Path) -> None:
    unusable = tmp_path / "mapping.txt"
    unusable.write_text(f"com.example.Game{uuid.uuid4().hex} -> a.a:\n")

    ended = client.run("upload-proguard", unusable)

    takes_any_text = client.number >= SENDS_ANY_TEXT
    said = "proguard-mapping" if takes_any_text else "a total of 0 new mapping files"
    assert (ended.exit_code, said in ended.stdout) == (0, True)


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
