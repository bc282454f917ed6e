"""An object is entered only if it is the one, and could be asked for."""

from dataclasses import replace
from uuid import UUID

import pytest

from symdepot.domain import objects
from symdepot.domain.errors import NotADebugFile
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile

ID = UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75")


def an_object(**changes: object) -> ObjectFile:
    plain = ObjectFile(
        format=Format.PDB,
        kind="dbg",
        arch="x86_64",
        debug_id=DebugId(ID, 1),
        code_id=None,
        features=frozenset({"debug"}),
        name="a.pdb",
    )
    return replace(plain, **changes)  # type: ignore[arg-type] # the test says which


def test_a_file_of_several_objects_is_refused() -> None:
    one, other = an_object(), an_object(arch="arm64")

    assert objects.single_object([one]) is one
    for several in ([], [one, other]):
        with pytest.raises(NotADebugFile) as caught:
            objects.single_object(several)
        assert str(caught.value) == (
            "Contained wrong number of architectures "
            f"(expected one, got {len(several)})"
        )


@pytest.mark.upstream(77)
@pytest.mark.parametrize(
    ("file_format", "kind", "extension"),
    [
        (Format.BC_SYMBOL_MAP, None, ".bcsymbolmap"),
        (Format.BREAKPAD, "dbg", ".sym"),
        (Format.DART_SYMBOL_MAP, None, ".json"),
        (Format.ELF, "dbg", ".debug"),
        (Format.ELF, "exe", ""),
        (Format.ELF, "lib", ".debug"),
        (Format.IL2CPP, None, ".json"),
        (Format.MACHO, "dbg", ".debug"),
        (Format.MACHO, "exe", ""),
        (Format.MACHO, "lib", ""),
        (Format.PDB, "dbg", ".pdb"),
        (Format.PE, "exe", ".exe"),
        (Format.PE, "lib", ".dll"),
        (Format.PORTABLE_PDB, "dbg", ".pdb"),
        (Format.PROGUARD, None, ".txt"),
        (Format.SOURCE_BUNDLE, "src", ".src.zip"),
        (Format.UUID_MAP, None, ".plist"),
        (Format.WASM, "lib", ".wasm"),
    ],
)
def test_a_download_has_the_extension_of_its_format(
    file_format: Format, kind: str | None, extension: str
) -> None:
    found = an_object(format=file_format, kind=kind)

    assert found.download_extension == extension


def test_every_format_has_its_own_content_type() -> None:
    assert len({each.mime_type for each in Format}) == len(Format)


def test_an_object_with_an_id_is_accepted() -> None:
    by_debug_id = an_object()
    by_code_id = an_object(
        debug_id=DebugId(UUID(int=0)), code_id=CodeId("5ab380779000")
    )

    assert objects.require_findable(by_debug_id) is by_debug_id
    assert objects.require_findable(by_code_id) is by_code_id


def test_an_object_without_any_id_is_refused() -> None:
    with pytest.raises(NotADebugFile) as caught:
        objects.require_findable(an_object(debug_id=DebugId(UUID(int=0))))

    assert str(caught.value) == (
        "This file has neither a debug id nor a code id, so nothing could ever find it."
    )
