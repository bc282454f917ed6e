"""Debug files are converted to symcaches, and addresses are looked up in them."""

import os
import struct
from pathlib import Path
from uuid import UUID

import pytest
from symbolic._lowlevel import ffi
from symbolic.symcache import SymCache
from tests.factories import an_object
from tests.fixtures import builders, compiled

from symdepot.domain.formats import inspection
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format
from symdepot.domain.symcache import conversion, converter, reader
from symdepot.domain.symcache.conversion import (
    Conversion,
    ConversionFailed,
    ObjectSelector,
    SymCacheWritten,
)
from symdepot.domain.symcache.reader import MAX_FRAMES, OpenSymCache

ID = UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75")
OTHER = UUID(int=7)
INLINED = """\
MODULE Linux x86_64 DFB8E43AF2423D73A453AEB6A777EF750 hello
FILE 0 /src/hello.c
FILE 1 /src/twice.h
INLINE_ORIGIN 0 twice
FUNC 1000 20 0 main
INLINE 0 8 0 0 1010 8
1000 10 7 0
1010 8 3 1
1018 8 9 0
"""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made"
    path.touch()
    return path


def converted(content: bytes | Path, wanted: ObjectSelector, into: Path) -> Conversion:
    source = content if isinstance(content, Path) else into.with_name("source")
    if isinstance(content, bytes):
        source.write_bytes(content)
    return converter.convert(source, wanted, into)


def wanted_of(path: Path) -> ObjectSelector:
    (found,) = inspection.inspect(path, name=path.name)
    return ObjectSelector(found.debug_id, found.arch)


def test_a_function_without_a_name_is_unknown(made: Path) -> None:
    undeclared = INLINED.replace("INLINE_ORIGIN 0 twice\n", "")

    converted(undeclared.encode(), ObjectSelector(DebugId(ID), "x86_64"), made)

    (found,) = OpenSymCache.open(made).frames_at([0x1012])
    assert [(f.function, f.line) for f in found] == [("<unknown>", 3), ("main", 8)]


def test_inlined_functions_are_returned_innermost_first(made: Path) -> None:
    wanted = ObjectSelector(DebugId(ID), "x86_64")

    assert converted(INLINED.encode(), wanted, made) == SymCacheWritten(
        symbols_only=False
    )

    with_lines = [
        [(f.function, f.path, f.line, f.function_address) for f in found]
        for found in OpenSymCache.open(made).frames_at((0x1000, 0x1012, 0x1019))
    ]
    assert with_lines == [
        [("main", "/src/hello.c", 7, 0x1000)],
        [("twice", "/src/twice.h", 3, None), ("main", "/src/hello.c", 8, 0x1000)],
        [("main", "/src/hello.c", 9, 0x1000)],
    ]


def test_beyond_the_limit_the_innermost_and_the_outermost_functions_are_returned(
    made: Path,
) -> None:
    deep = builders.deep_breakpad(ID, 4_000)
    converted(deep, ObjectSelector(DebugId(ID), "x86_64"), made)

    *inlined, outermost = OpenSymCache.open(made).frames_at([0x1004])[0]

    assert [frame.function for frame in inlined] == ["inner"] * (MAX_FRAMES - 1)
    assert (outermost.function, outermost.function_address) == ("main", 0x1000)


def test_inlined_functions_up_to_the_limit_are_all_returned(made: Path) -> None:
    deep = builders.deep_breakpad(ID, MAX_FRAMES - 1)
    converted(deep, ObjectSelector(DebugId(ID), "x86_64"), made)

    assert len(OpenSymCache.open(made).frames_at([0x1004])[0]) == MAX_FRAMES


def test_a_batch_of_deep_addresses_is_cut_off(made: Path) -> None:
    converted(
        builders.deep_breakpad(ID, 8_000), ObjectSelector(DebugId(ID), "x86_64"), made
    )
    symbols = OpenSymCache.open(made)

    found = symbols.frames_at(range(0x1000, 0x1010))

    assert (len(found), len(found[0]), found[-1]) == (16, MAX_FRAMES, [])
    assert symbols.frames_at([0x100F])[0] == found[0]


def test_an_address_outside_all_functions_has_no_frames(made: Path) -> None:
    converted(INLINED.encode(), ObjectSelector(DebugId(ID), "x86_64"), made)

    assert OpenSymCache.open(made).frames_at([0x5000_0000]) == [[]]


def test_a_symcache_has_the_id_and_architecture_of_its_object(made: Path) -> None:
    converted(INLINED.encode(), ObjectSelector(DebugId(ID), "x86_64"), made)

    opened = OpenSymCache.open(made)

    assert (opened.debug_id, opened.arch) == (DebugId(ID), "x86_64")


def test_a_symcache_of_a_symbol_table_has_symbols_only(
    tmp_path: Path, made: Path
) -> None:
    library = compiled.elf_program(tmp_path, "lib.so", options="-shared -fPIC")
    stripped = compiled.stripped(library)

    result = converted(stripped, wanted_of(stripped), made)

    assert result == SymCacheWritten(symbols_only=True)


def test_a_symcache_of_split_debug_information_has_symbols_only(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program = compiled.elf_program(tmp_path, options="-gsplit-dwarf")
    (found,) = inspection.inspect(program, name="hello")
    assert "debug" in found.features

    assert converted(program, wanted_of(program), made) == SymCacheWritten(
        symbols_only=True
    )


@pytest.mark.parametrize("method", ["zlib", "zlib-gnu", "zstd"])
def test_compressed_sections_make_the_same_symcache(
    tmp_path: Path, made: Path, method: str
) -> None:
    plain = compiled.debug_companion(compiled.elf_program(tmp_path))
    packed = compiled.compressed(plain, method)
    converted(plain, wanted_of(plain), made)
    first = made.read_bytes()

    made.write_bytes(b"")
    converted(packed, wanted_of(packed), made)

    assert made.read_bytes() == first


def test_the_selected_object_of_a_fat_file_is_converted(made: Path) -> None:
    slices = [(ID, builders.CPU_X86_64), (OTHER, builders.CPU_ARM64)]
    fat = builders.fat_macho(slices)

    converted(fat, ObjectSelector(DebugId(OTHER), "arm64"), made)

    opened = OpenSymCache.open(made)
    assert (opened.debug_id.uuid, opened.arch) == (OTHER, "arm64")


def test_a_corrected_age_finds_its_object(made: Path) -> None:
    wanted = ObjectSelector(DebugId(ID, age=0xBEEF), "x86_64")

    assert isinstance(converted(INLINED.encode(), wanted, made), SymCacheWritten)


@pytest.mark.parametrize(
    "wanted",
    [ObjectSelector(DebugId(OTHER), "x86_64"), ObjectSelector(DebugId(ID), "arm64")],
)
def test_a_missing_object_fails(made: Path, wanted: ObjectSelector) -> None:
    assert converted(INLINED.encode(), wanted, made) == ConversionFailed(
        "The file holds no object of this id and architecture."
    )
    assert made.read_bytes() == b""


def test_the_reason_of_a_failure_is_one_line(made: Path) -> None:
    wanted = ObjectSelector(DebugId(ID, age=1), "x86_64")

    assert converted(builders.pdb(ID), wanted, made) == ConversionFailed(
        "bad debug file: invalid pdb file: UnexpectedEof"
    )


def test_other_files_are_not_opened(made: Path) -> None:
    made.write_bytes(INLINED.encode())

    with pytest.raises(ValueError, match="magic"):
        OpenSymCache.open(made)


@pytest.mark.parametrize("version", [0, 1, 7, 8, 10, 2**32 - 1])
def test_other_format_versions_are_not_opened(made: Path, version: int) -> None:
    """Reading the wrong format version may loop for ever."""
    converted(INLINED.encode(), ObjectSelector(DebugId(ID), "x86_64"), made)
    content = bytearray(made.read_bytes())
    assert content[4:8] == struct.pack("<I", reader.FORMAT_VERSION)

    struct.pack_into("<I", content, 4, version)
    made.write_bytes(content)

    with pytest.raises(ValueError, match="version"):
        OpenSymCache.open(made)


def test_truncated_symcaches_are_not_opened(made: Path) -> None:
    converted(INLINED.encode(), ObjectSelector(DebugId(ID), "x86_64"), made)
    whole = made.read_bytes()

    for length in range(len(whole)):
        made.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"\w"):
            OpenSymCache.open(made)


@pytest.mark.parametrize(
    ("file_format", "features", "expected"),
    [
        (Format.ELF, {"symtab"}, True),
        (Format.ELF, {"debug"}, True),
        (Format.ELF, {"unwind"}, False),
        (Format.MACHO, {"debug"}, True),
        (Format.PE, {"debug"}, True),
        (Format.PE, {"unwind"}, False),
        (Format.PDB, {"debug"}, True),
        (Format.BREAKPAD, {"symtab"}, True),
        (Format.WASM, {"debug"}, True),
        (Format.PORTABLE_PDB, {"debug"}, False),
        (Format.SOURCE_BUNDLE, {"sources", "debug"}, False),
        (Format.PROGUARD, {"mapping"}, False),
    ],
)
def test_objects_with_named_functions_are_convertible(
    file_format: Format, features: set[str], *, expected: bool
) -> None:
    o = an_object(format=file_format, features=frozenset(features))

    assert conversion.is_convertible(o) is expected


def test_lookups_agree_with_symbolics_python_interface(tmp_path: Path) -> None:
    path = tmp_path / "made"
    path.touch()
    program = compiled.elf_program(tmp_path, source="int main(void) { return 7; }")
    converted(program, wanted_of(program), path)
    addresses = range(0x900, 0x2000, 3)

    found = OpenSymCache.open(path).frames_at(addresses)

    reference = SymCache.open(os.fsencode(path))  # type: ignore[no-untyped-call]  # symbolic's
    assert any(found)
    for address, frames in zip(addresses, found, strict=True):
        assert [(f.function, f.path or None, f.line, f.language) for f in frames] == [
            (one.symbol, one.full_path, one.line, one.lang)
            for one in reference.lookup(address)
        ]


def test_the_memory_layout_of_a_location() -> None:
    layout = "QQI4xQQ?7xQQ?7xQQ?7x"

    offsets = [
        ("sym_addr", 0),
        ("instr_addr", 8),
        ("line", 16),
        *(("lang", 24), ("symbol", 48), ("full_path", 72)),
    ]
    strings = [("data", 0), ("len", 8), ("owned", 16)]
    location, string = "SymbolicSourceLocation", "SymbolicStr"
    assert [(name, ffi.offsetof(location, name)) for name, _ in offsets] == offsets
    assert [(name, ffi.offsetof(string, name)) for name, _ in strings] == strings
    assert ffi.sizeof(location) == struct.calcsize(f"@{layout}") == 96
