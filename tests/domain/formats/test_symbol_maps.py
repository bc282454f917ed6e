"""Maps of names and lines are told by their first bytes, and read to the end."""

import json
import tracemalloc
from pathlib import Path
from uuid import UUID

import pytest
from tests.fixtures import builders

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import inspection, symbol_maps
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile

ID = UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75")
TOO_DEEP = 1_000_000


def inspected(folder: Path, content: bytes, name: str = "maps/a.map") -> ObjectFile:
    path = folder / "some-upload"
    path.write_bytes(content)
    (found,) = inspection.inspect(path, name=name)
    return found


def refusal(folder: Path, content: bytes) -> str:
    with pytest.raises(NotADebugFile) as caught:
        inspected(folder, content)
    return str(caught.value)


@pytest.mark.upstream(88, 90)
@pytest.mark.parametrize(
    ("content", "file_format", "features"),
    [
        (builders.bc_symbol_map("_main", "-[App run]"), Format.BC_SYMBOL_MAP, set()),
        (builders.bc_symbol_map(), Format.BC_SYMBOL_MAP, set()),
        (builders.uuid_map(ID), Format.UUID_MAP, set()),
        (builders.il2cpp_map({4: 2, 9: 3}), Format.IL2CPP, set()),
        (b'{"_Main": "a", "_run": "b"}', Format.IL2CPP, set()),
        (b"{}", Format.IL2CPP, set()),
        (b' \r\n\t{"a": [1.5, -2, true, null, "\xc3\xa4"]}\n', Format.IL2CPP, set()),
        (
            builders.dart_map("_Main", "a", "run", "b"),
            Format.DART_SYMBOL_MAP,
            {"mapping"},
        ),
        (b"[]", Format.DART_SYMBOL_MAP, {"mapping"}),
    ],
)
def test_the_format_of_a_map_is_in_its_first_bytes(
    tmp_path: Path, content: bytes, file_format: Format, features: set[str]
) -> None:
    assert inspected(tmp_path, content) == ObjectFile(
        format=file_format,
        kind=None,
        arch="any",
        debug_id=DebugId(UUID(int=0)),
        code_id=None,
        features=frozenset(features),
        name="a.map",
    )


@pytest.mark.upstream(89, 91)
@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"BCSymbolMap", "Invalid BCSymbolMap: no valid BCSymbolMap header was found"),
        (
            b"BCSymbolMap Version: 2.0\n\xff\n",
            (
                "Invalid BCSymbolMap: BCSymbolmap is not valid UTF-8\n"
                "  caused by: invalid utf-8 sequence of 1 bytes from index 25"
            ),
        ),
        (
            b'<?xml version="1.0"?>',
            (
                "Invalid UuidMap: Invalid XML\n  caused by: Malformed XML: "
                "Unexpected end of stream: no root element found (0:21)"
            ),
        ),
        (
            builders.uuid_map(ID).replace(b"DBGOriginalUUID", b"DBGOtherUUID"),
            "Invalid UuidMap: XML structure did not match expected schema",
        ),
        (
            builders.uuid_map(ID).replace(str(ID).upper().encode(), b"none"),
            (
                "Invalid UuidMap: Failed to parse a value into the right type\n"
                "  caused by: invalid debug identifier"
            ),
        ),
        (
            b'{"a": }',
            "Invalid il2cpp: Expecting value: line 1 column 7 (char 6)",
        ),
        (b'{"a": NaN}', "Invalid il2cpp: NaN is no JSON"),
        (b"{} {}", "Invalid il2cpp: Extra data: line 1 column 4 (char 3)"),
        (b'{"a": ' * TOO_DEEP, "Invalid il2cpp: it is nested too deeply"),
        (
            b'["a", "b"',
            "Invalid dartsymbolmap: Expecting ',' delimiter: line 1 column 10 (char 9)",
        ),
        (b"[" * TOO_DEEP, "Invalid dartsymbolmap: it is nested too deeply"),
        (b'["a"]', "dartsymbolmap array must have an even number of elements"),
        (b'["a", 1]', "Invalid dartsymbolmap format: an element is no string"),
    ],
)
def test_an_invalid_map_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, text: str
) -> None:
    assert refusal(tmp_path, content) == text


@pytest.mark.parametrize("what", ["il2cpp", "dartsymbolmap"])
def test_a_map_must_be_utf_8(tmp_path: Path, what: str) -> None:
    content = b'{"a": "\xff"}' if what == "il2cpp" else b'["\xff", "b"]'

    assert refusal(tmp_path, content).startswith(
        f"Invalid {what}: 'utf-8' codec can't decode byte 0xff"
    )


def test_a_map_with_the_name_of_a_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotADebugFile, match="not a ProGuard mapping"):
        inspected(tmp_path, builders.dart_map("a", "b"), f"/proguard/{ID}.txt")


@pytest.mark.parametrize(
    "content", [b"", b"BCSymbol", b"<xml>", b"x{", builders.macho(ID)]
)
def test_other_files_are_no_maps(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no-map"
    path.write_bytes(content)

    assert symbol_maps.format_of(path) is None


def test_a_large_line_mapping_needs_little_more_memory_than_its_size(
    tmp_path: Path,
) -> None:
    lines = {str(line): line // 2 for line in range(3000)}
    mapping = {
        f"/il2cpp/{n}.cpp": {f"/game/{n}_{m}.cs": lines for m in range(4)}
        for n in range(40)
    }
    path = tmp_path / "large.json"
    path.write_text(json.dumps(mapping))
    size_bytes = path.stat().st_size
    assert size_bytes > 5_000_000

    tracemalloc.start()
    symbol_maps.check_il2cpp(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 1.5 * size_bytes
