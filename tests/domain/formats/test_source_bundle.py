"""Sources are found in bundles, and hostile bundles cost little."""

import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from tests.fixtures import builders

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import source_bundle
from symdepot.domain.formats.archive_limits import SOURCE_BUNDLES

ID = UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75")


def written(folder: Path, content: bytes | bytearray) -> Path:
    path = folder / "some.src.zip"
    path.write_bytes(content)
    return path


def bundle(
    manifest: object, members: Mapping[str, bytes], *, version: int = 2
) -> bytes:
    content = io.BytesIO(b"SYSB" + struct.pack("<I", version))
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        archive.writestr("manifest.json", json.dumps(manifest))
    return content.getvalue()


def files(*paths: str) -> dict[str, object]:
    return {
        "files": {
            f"files/{number}": {"type": "source", "path": path}
            for number, path in enumerate(paths)
        }
    }


def refusal(path: Path) -> str:
    with pytest.raises(NotADebugFile) as caught, source_bundle.open_bundle(path):
        pass
    return str(caught.value)


@pytest.mark.parametrize("version", [1, 2])
def test_a_source_is_found_by_its_path(tmp_path: Path, version: int) -> None:
    content = bytearray(builders.source_bundle(ID, {"/usr/src/a.c": "int a;\n"}))
    struct.pack_into("<I", content, 4, version)

    with source_bundle.open_bundle(written(tmp_path, content)) as sources:
        assert sources.source("/usr/src/a.c") == "int a;\n"
        assert sources.source("/usr//src/./x/../a.c") == "int a;\n"
        assert sources.source("/usr/src/A.c") is None
        assert sources.source("a.c") is None
        assert sources.paths == ["/usr/src/a.c"]


def test_the_exact_path_comes_before_an_equivalent_one(tmp_path: Path) -> None:
    content = bundle(
        files("/a/../x.c", "/x.c"), {"files/0": b"one", "files/1": b"other"}
    )

    with source_bundle.open_bundle(written(tmp_path, content)) as sources:
        assert sources.source("/x.c") == "other"
        assert sources.source("/a/../x.c") == "one"


def test_windows_paths_ignore_case_and_kind_of_slash(tmp_path: Path) -> None:
    content = bundle(files("C:\\Src\\Main.c"), {"files/0": b"int main;"})

    with source_bundle.open_bundle(written(tmp_path, content)) as sources:
        for path in ("C:\\Src\\Main.c", "c:\\src\\main.C", "c:/SRC/./main.c"):
            assert sources.source(path) == "int main;"
        assert sources.source("/Src/Main.c") is None


def test_sources_of_the_jvm_are_found_by_their_url(tmp_path: Path) -> None:
    said = {"type": "source", "path": "src/Main.kt", "url": "~/com/example/Main.jvm"}
    content = bundle({"files": {"files/0": said}}, {"files/0": b"fun main()"})

    with source_bundle.open_bundle(written(tmp_path, content)) as sources:
        assert sources.source("~/com/example/Main.jvm") == "fun main()"


def test_only_entries_of_type_source_are_found(tmp_path: Path) -> None:
    said = {
        "files/0": {"type": "source_map", "path": "/a.js.map"},
        "files/1": "rubbish",
        "files/2": {"type": "source", "path": 7},
        "files/3": {"type": "source"},
    }
    content = bundle({"files": said}, {})

    with source_bundle.open_bundle(written(tmp_path, content)) as sources:
        assert sources.paths == []


def test_invalid_utf_8_is_replaced(tmp_path: Path) -> None:
    content = bundle(files("/a.c"), {"files/0": b"\xef\xbb\xbf// caf\xe9"})

    with source_bundle.open_bundle(written(tmp_path, content)) as sources:
        assert sources.source("/a.c") == "// caf\ufffd"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "This file is not a source bundle."),
        (b"SYSB\x02", "This file is not a source bundle."),
        (b"PK\x03\x04" + b"\0" * 40, "This file is not a source bundle."),
        (
            b"SYSB\x03\0\0\0" + b"\0" * 40,
            "Source bundles of version 3 are not known.",
        ),
        (
            b"SYSB\x02\0\0\0" + b"\0" * 40,
            "This source bundle is damaged: File is not a zip file",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, text: str) -> None:
    assert refusal(written(tmp_path, content)) == text


@pytest.mark.parametrize(
    "manifest", [[], None, {}, {"files": []}, {"files": None}, "files"]
)
def test_a_manifest_that_names_no_files_is_refused(
    tmp_path: Path, manifest: object
) -> None:
    text = refusal(written(tmp_path, bundle(manifest, {})))

    assert text == "This source bundle is damaged: its manifest names no files"


def test_a_bundle_without_a_manifest_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO(b"SYSB\x02\0\0\0")
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("files/0", b"int a;")

    text = refusal(written(tmp_path, content.getvalue()))

    assert text == "This source bundle is damaged: manifest.json is not there"


def test_a_deeply_nested_manifest_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO(b"SYSB\x02\0\0\0")
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("manifest.json", "[" * 1_000_000)

    assert refusal(written(tmp_path, content.getvalue())).startswith(
        "This source bundle is damaged: "
    )


def test_a_zip_bomb_is_not_decompressed(tmp_path: Path) -> None:
    # 15 MiB of zeros in 15 kB: below the limit of size, above that of the ratio.
    bomb = b"\0" * (15 << 20)
    path = written(tmp_path, bundle(files("/a.c"), {"files/0": bomb}))
    tracemalloc.start()

    with source_bundle.open_bundle(path) as sources:
        found = sources.source("/a.c")

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found is None
    assert peak < 2 << 20


def test_a_source_that_is_too_large_is_not_decompressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_bundle, "MAX_SOURCE_BYTES", 1000)
    members = {"files/0": b"a" * 1001, "files/1": b"b" * 1000}
    path = written(tmp_path, bundle(files("/a.c", "/b.c"), members))

    with source_bundle.open_bundle(path) as sources:
        assert sources.source("/a.c") is None
        assert sources.source("/b.c") == "b" * 1000


def test_a_directory_of_too_many_files_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        source_bundle, "LIMITS", replace(SOURCE_BUNDLES, max_members=100)
    )
    paths = [f"/{number}.c" for number in range(100)]
    members = {f"files/{number}": b"" for number in range(100)}

    text = refusal(written(tmp_path, bundle(files(*paths), members)))

    assert text == "This source bundle is damaged: a directory of 101 files"


def test_a_directory_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_bundle, "MAX_DIRECTORY_BYTES", 70_000)
    content = bundle({}, {f"files/{number}": b"" for number in range(2_000)})

    text = refusal(written(tmp_path, content))

    assert text.startswith("This source bundle is damaged: a directory of ")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(tmp_path: Path, method: int) -> None:
    content = io.BytesIO(b"SYSB\x02\0\0\0")
    with zipfile.ZipFile(content, "a", method) as archive:
        archive.writestr("manifest.json", "{}")

    assert refusal(written(tmp_path, content.getvalue())) == (
        "This source bundle is damaged: manifest.json is compressed in an unusual way"
    )


def test_damage_at_any_byte_only_hides_sources(tmp_path: Path) -> None:
    whole = builders.source_bundle(ID, {"/usr/src/a.c": "int a;\n" * 50})

    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        try:
            with source_bundle.open_bundle(written(tmp_path, damaged)) as sources:
                for path in sources.paths:
                    sources.source(path)
        except NotADebugFile:
            pass


def test_a_truncated_bundle_is_refused(tmp_path: Path) -> None:
    whole = builders.source_bundle(ID, {"/usr/src/a.c": "int a;\n" * 50})

    for length in range(0, len(whole), 7):
        assert refusal(written(tmp_path, whole[:length]))
