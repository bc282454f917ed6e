"""Upload and download of a file of each format."""

from uuid import UUID

import pytest
from tests.factories import a_breakpad_file, a_client, a_project, files_url, upload
from tests.fixtures import builders

from symdepot.domain.objects import Format

pytestmark = pytest.mark.django_db

ID = UUID("67e9247c-814e-392b-a027-dbde6748fcbf")
SOUND = [
    ("crash.sym", a_breakpad_file(f"{ID.hex.upper()}0"), Format.BREAKPAD, ""),
    ("App", builders.macho(ID), Format.MACHO, ""),
    ("App.exe", builders.pe(ID, 7), Format.PE, "-7"),
    ("App.pdb", builders.pdb(ID, 7), Format.PDB, "-7"),
    ("App.pdb", builders.portable_pdb(ID, 0xBEEF), Format.PORTABLE_PDB, "-beef"),
    ("app.wasm", builders.wasm(ID.bytes), Format.WASM, ""),
    (
        "App.src.zip",
        builders.source_bundle(ID, {"/a.c": "int a;"}),
        Format.SOURCE_BUNDLE,
        "",
    ),
    (f"/proguard/{ID}.txt", builders.PROGUARD_MAPPING, Format.PROGUARD, ""),
    (f"{ID}.bcsymbolmap", builders.bc_symbol_map("_main"), Format.BC_SYMBOL_MAP, ""),
    (f"{ID}.plist", builders.uuid_map(UUID(int=7)), Format.UUID_MAP, ""),
    ("App", builders.il2cpp_map({1: 2}), Format.IL2CPP, ""),
    (
        "dartsymbolmap.json",
        builders.dart_map("_Main", "a"),
        Format.DART_SYMBOL_MAP,
        "",
    ),
]
FAT = builders.fat_macho([(ID, builders.CPU_X86_64), (UUID(int=7), builders.CPU_ARM64)])


@pytest.mark.parametrize(
    ("name", "content", "kind", "age"), SOUND, ids=[each[2].value for each in SOUND]
)
def test_a_file_of_each_format_is_found_by_id_and_downloaded_unchanged(
    name: str, content: bytes, kind: Format, age: str
) -> None:
    a_project()
    client = a_client()

    found = upload(client, content, name=name, piece=64, debug_id=f"{ID}{age}")

    assert found["state"] == "ok", found["detail"]
    assert found["dif"]["symbolType"] == kind.value
    assert found["dif"]["debugId"] == f"{ID}{age}"
    assert found["dif"]["uuid"] == str(ID)
    body = client.get(files_url(), {"id": found["dif"]["id"]}).getvalue()
    assert body == content


def test_files_of_all_formats_can_have_the_same_id() -> None:
    a_project()
    client = a_client()

    for name, content, _, _ in SOUND:
        upload(client, content, name=name, debug_id=str(ID))

    listed = client.get(files_url(), {"query": str(ID)}).json()
    assert sorted(row["symbolType"] for row in listed) == sorted(
        set(Format) - {Format.ELF}
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (FAT, "Contained wrong number of architectures (expected one, got 2)"),
        (b"\0", "Invalid debug information file: unsupported object file format"),
        (builders.bc_symbol_map(), "Missing debug_id for BCSymbolMap"),
        (builders.il2cpp_map({}), "Missing debug_id for il2cpp"),
        (builders.dart_map(), "Missing debug_id for dartsymbolmap"),
        (
            builders.uuid_map(ID),
            "Invalid UuidMap: neither its name nor the request is a debug id",
        ),
        (
            b"{1}",
            "Invalid il2cpp: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        (b"\x7fELF", "Invalid debug information file: unsupported object file format"),
    ],
)
def test_a_file_that_is_not_a_single_debug_file_is_an_error(
    content: bytes, text: str
) -> None:
    a_project()

    found = upload(a_client(), content, name="App")

    assert (found["state"], found["detail"]) == ("error", text)


def test_a_mapping_that_is_another_debug_file_is_refused() -> None:
    a_project()

    found = upload(a_client(), a_breakpad_file(), name=f"/proguard/{ID}.txt")

    assert found["state"] == "error"
    assert found["detail"] == "This file is not a ProGuard mapping."
