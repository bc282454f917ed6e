"""A bundle that lies costs little, and leads to nothing that is not in it."""

import io
import json
import struct
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import source_bundle

HEADER = b"SYSB" + struct.pack("<I", 2)
TEXT = "int a;\n" * 100


def bundle(
    files: object, members: Mapping[str, str], *, manifest: str | bytes | None = None
) -> bytes:
    content = io.BytesIO(HEADER)
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        archive.writestr("manifest.json", manifest or json.dumps({"files": files}))
    return content.getvalue()


def source(path: str) -> dict[str, str]:
    return {"type": "source", "path": path}


def read(folder: Path, content: bytes) -> dict[str, str | None] | str:
    """Return all sources of a bundle, or why it is refused."""
    path = folder / "some.src.zip"
    path.write_bytes(content)
    try:
        with source_bundle.open_bundle(path) as sources:
            return {known: sources.source(known) for known in sources.paths}
    except NotADebugFile as error:
        return str(error)


@pytest.mark.parametrize(
    "member", ["/etc/passwd", "../../../../etc/passwd", "files/../../a", "c:\\a", ""]
)
def test_manifest_entries_of_missing_members_are_skipped(
    tmp_path: Path, member: str
) -> None:
    files = {member: source("/etc/passwd"), "files/a": source("/a.c")}

    assert read(tmp_path, bundle(files, {"files/a": TEXT})) == {"/a.c": TEXT}


def test_a_member_name_is_not_opened_as_a_local_path(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "where"
    folder.mkdir(parents=True)
    (tmp_path / "secret").write_text("not this")
    files = {"../../secret": source("/a.c")}

    assert read(folder, bundle(files, {"../../secret": TEXT})) == {"/a.c": TEXT}


def test_many_entries_of_missing_members_cost_little(tmp_path: Path) -> None:
    """It is read, which takes its time, but nothing is made of it."""
    files = {f"f{n}": source("/x/" + "ab/../" * 20 + str(n)) for n in range(50_000)}
    path = tmp_path / "some.src.zip"
    path.write_bytes(bundle(files | {"a": source("/a.c")}, {"a": TEXT}))
    began = time.process_time()

    with source_bundle.open_bundle(path) as sources:
        found = sources.source("/A.c"), sources.source("/./a.c"), len(sources)

    assert found == (None, TEXT, 1)
    # Measured: 0.1 s; 3 s to understand all of the paths.
    assert time.process_time() - began < 1


def with_offset_of(member: str, offset: int) -> bytes:
    content = io.BytesIO(HEADER)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("a", TEXT)
        archive.writestr("manifest.json", json.dumps({"files": {"a": source("/a.c")}}))
        archive.getinfo(member).header_offset = offset
    return content.getvalue()


@pytest.mark.parametrize("offset", [2**40, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_member_beyond_the_end_of_the_file_is_not_read(
    tmp_path: Path, offset: int
) -> None:
    assert read(tmp_path, with_offset_of("a", offset)) == {"/a.c": None}

    refusal = read(tmp_path, with_offset_of("manifest.json", offset))

    assert isinstance(refusal, str)
    assert refusal.startswith("This source bundle is damaged: ")


def test_a_path_that_is_too_long_is_skipped(tmp_path: Path) -> None:
    longest = "/" * (source_bundle.MAX_PATH_LENGTH - 2) + "/a"
    files = {"a": source(longest), "b": source("/" + longest)}

    found = read(tmp_path, bundle(files, {"a": TEXT, "b": TEXT}))

    assert found == {longest: TEXT}


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[" * 100_000,
        '{"files":' * 50_000 + "1" + "}" * 50_000,
        '{"files": {"a": ' + "9" * 10_000 + "}}",
        '{"files": {"a": {"type": "source", "path": "\\ud800"}}',
        b"\xff\xfe\x00",
        b"\x80",
    ],
)
def test_an_invalid_manifest_is_refused(tmp_path: Path, manifest: str | bytes) -> None:
    found = read(tmp_path, bundle({}, {}, manifest=manifest or " "))

    assert isinstance(found, str)
    assert found.startswith("This source bundle is damaged: ")


FILE_SIZE, PACKED_SIZE, PLACE, FLAGS = 24, 20, 42, 8


@pytest.mark.parametrize("field", [FILE_SIZE, PACKED_SIZE, PLACE, FLAGS])
@pytest.mark.parametrize("value", [0, 1, 9, 10_000_000, 0x7FFF_FFF0, 0xFFFF_FFFF])
def test_a_wrong_directory_entry_only_hides_its_source(
    tmp_path: Path, field: int, value: int
) -> None:
    content = bytearray(bundle({"a": source("/a.c")}, {"a": TEXT}))
    entry = content.index(b"PK\x01\x02")

    struct.pack_into("<I", content, entry + field, value)

    found = read(tmp_path, bytes(content))
    if not isinstance(found, str):
        # Of a source that is said to be empty nothing is read.
        assert set(found.values()) <= {None, TEXT, ""}


def test_overlapping_members_are_not_read(tmp_path: Path) -> None:
    files = {name: source(f"/{name}.c") for name in "ab"}
    content = bytearray(bundle(files, {"a": TEXT, "b": "x" * 700}))
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 1)
    content[second + PLACE : second + PLACE + 4] = content[first + PLACE :][:4]

    assert read(tmp_path, bytes(content)) == {"/a.c": TEXT, "/b.c": None}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
)


@given(JSON | st.fixed_dictionaries({"files": st.dictionaries(st.just("a"), JSON)}))
def test_any_manifest_finds_only_members(
    tmp_path_factory: pytest.TempPathFactory, manifest: object
) -> None:
    folder = tmp_path_factory.mktemp("bundle")

    found = read(folder, bundle({}, {"a": TEXT}, manifest=json.dumps(manifest)))

    assert isinstance(found, str) or set(found.values()) <= {TEXT}
