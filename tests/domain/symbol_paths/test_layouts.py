"""Paths of symbol servers, read and written; the examples are Symbolicator's own."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.symbol_paths import path_writers
from tests.factories import an_object

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection.file_query import AgeMatch, FileQuery, FileRole
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout

PE_ID, BUILD_ID = "5ab380779000", "dfb85de42daffd09640c8fe377d572de3e168920"
PDB_ID = DebugId.parse("3249d99d-0c40-4931-8610-f4e4fb0b6936-1")
UUID = DebugId.parse("67e9247c-814e-392b-a027-dbde6748fcbf")
ELF_ID = DebugId.parse("e45db8df-af2d-09fd-640c-8fe377d572de")
GUID = "3249D99D0C4049318610F4E4FB0B6936"


def kept(form: Format, name: str, debug_id: DebugId, code_id: str = "") -> ObjectFile:
    return an_object(
        format=form,
        name=name,
        debug_id=debug_id,
        code_id=CodeId(code_id) if code_id else None,
    )


def read(layout: Layout, path: str) -> FileQuery:
    asked = path_parser.parse(layout, path)
    assert asked is not None, path
    return asked


PE = kept(Format.PE, "crash.exe", PDB_ID, PE_ID)
PDB = kept(Format.PDB, "crash.pdb", PDB_ID)
PORTABLE = kept(
    Format.PORTABLE_PDB,
    "crash.pdb",
    DebugId.parse("3249d99d-0c40-4931-8610-f4e4fb0b6936-e60b819d"),
)
ELF = kept(Format.ELF, "libm-2.23.so", ELF_ID, BUILD_ID)
MACHO = kept(Format.MACHO, "crash", UUID, UUID.uuid.hex)
WASM = kept(Format.WASM, "crash.wasm", UUID, UUID.uuid.hex)
SYM_OF_PDB = kept(Format.BREAKPAD, "crash.pdb", PDB_ID)
SYM_OF_ELF = kept(Format.BREAKPAD, "libm-2.23.so", ELF_ID)
SYM_OF_MACHO = kept(Format.BREAKPAD, "crash", UUID)
SOURCES_OF_PDB = kept(Format.SOURCE_BUNDLE, "crash.pdb", PDB_ID)
SOURCES_OF_ELF = kept(Format.SOURCE_BUNDLE, "libm-2.23.so", ELF_ID)
SOURCES_OF_MACHO = kept(Format.SOURCE_BUNDLE, "crash", UUID)
MAPPING = kept(Format.PROGUARD, "mapping.txt", UUID)

EXECUTABLE, DEBUGINFO = FileRole.EXECUTABLE, FileRole.DEBUGINFO
ID = "E45DB8DFAF2D09FD640C8FE377D572DE0"

# Both ways: what we keep, the role it has, and the path under which clients look.
BOTH_WAYS = [
    (Layout.SYMSTORE, EXECUTABLE, PE, "crash.exe/5AB380779000/crash.exe"),
    (Layout.SYMSTORE, DEBUGINFO, PDB, f"crash.pdb/{GUID}1/crash.pdb"),
    (Layout.SYMSTORE, DEBUGINFO, PORTABLE, f"crash.pdb/{GUID}ffffffff/crash.pdb"),
    (
        *(Layout.SYMSTORE, EXECUTABLE, ELF),
        f"libm-2.23.so/elf-buildid-{BUILD_ID}/libm-2.23.so",
    ),
    (Layout.SYMSTORE, DEBUGINFO, ELF, f"_.debug/elf-buildid-sym-{BUILD_ID}/_.debug"),
    (
        *(Layout.SYMSTORE, EXECUTABLE, kept(Format.ELF, "a.sym", ELF_ID, BUILD_ID)),
        f"a.sym/elf-buildid-{BUILD_ID}/a.sym",
    ),
    (
        *(Layout.SYMSTORE, EXECUTABLE, MACHO),
        "crash/mach-uuid-67e9247c814e392ba027dbde6748fcbf/crash",
    ),
    (
        *(Layout.SYMSTORE, DEBUGINFO, MACHO),
        "_.dwarf/mach-uuid-sym-67e9247c814e392ba027dbde6748fcbf/_.dwarf",
    ),
    (Layout.SYMSTORE, FileRole.BREAKPAD, SYM_OF_PDB, f"crash.pdb/{GUID}1/crash.sym"),
    (
        Layout.SYMSTORE,
        FileRole.SOURCES,
        SOURCES_OF_PDB,
        f"crash.pdb/{GUID}1/crash.src.zip",
    ),
    (Layout.SYMSTORE_INDEX2, EXECUTABLE, PE, "cr/crash.exe/5AB380779000/crash.exe"),
    (
        *(Layout.SYMSTORE_INDEX2, EXECUTABLE, ELF),
        f"li/libm-2.23.so/elf-buildid-{BUILD_ID}/libm-2.23.so",
    ),
    (
        *(Layout.SYMSTORE_INDEX2, DEBUGINFO, ELF),
        f"_/_.debug/elf-buildid-sym-{BUILD_ID}/_.debug",
    ),
    (
        *(Layout.SSQP, EXECUTABLE),
        kept(Format.PE, "Crash.EXE", PDB_ID, "542d574ec2000"),
        "crash.exe/542D574Ec2000/crash.exe",
    ),
    (
        *(Layout.SSQP, DEBUGINFO),
        kept(Format.PDB, "Crash.pdb", DebugId(PDB_ID.uuid, 0x1A)),
        f"crash.pdb/{GUID.lower()}1A/crash.pdb",
    ),
    (
        *(Layout.SSQP, DEBUGINFO, PORTABLE),
        f"crash.pdb/{GUID.lower()}FFFFFFFF/crash.pdb",
    ),
    (Layout.BREAKPAD, FileRole.BREAKPAD, SYM_OF_PDB, f"crash.pdb/{GUID}1/crash.sym"),
    (
        *(Layout.BREAKPAD, FileRole.BREAKPAD, SYM_OF_MACHO),
        "crash/67E9247C814E392BA027DBDE6748FCBF0/crash.sym",
    ),
    (
        *(Layout.BREAKPAD, FileRole.BREAKPAD, SYM_OF_ELF),
        f"libm-2.23.so/{ID}/libm-2.23.so.sym",
    ),
    (Layout.NATIVE, EXECUTABLE, ELF, "df/b85de42daffd09640c8fe377d572de3e168920"),
    (Layout.NATIVE, DEBUGINFO, ELF, "df/b85de42daffd09640c8fe377d572de3e168920.debug"),
    (
        *(Layout.NATIVE, FileRole.SOURCES, SOURCES_OF_ELF),
        f"libm-2.23.so/{ID}/libm-2.23.so.src.zip",
    ),
    (Layout.NATIVE, DEBUGINFO, MACHO, "67E9/247C/814E/392B/A027/DBDE6748FCBF"),
    (Layout.NATIVE, EXECUTABLE, MACHO, "67E9/247C/814E/392B/A027/DBDE6748FCBF.app"),
    (
        *(Layout.NATIVE, FileRole.SOURCES, SOURCES_OF_MACHO),
        "crash/67E9247C814E392BA027DBDE6748FCBF0/crash.src.zip",
    ),
    (Layout.NATIVE, EXECUTABLE, WASM, "67/e9247c814e392ba027dbde6748fcbf"),
    (Layout.NATIVE, DEBUGINFO, WASM, "67/e9247c814e392ba027dbde6748fcbf.debug"),
    (Layout.NATIVE, EXECUTABLE, PE, "crash.exe/5AB380779000/crash.exe"),
    (Layout.NATIVE, DEBUGINFO, PDB, f"crash.pdb/{GUID}1/crash.pdb"),
    (Layout.UNIFIED, EXECUTABLE, PE, "32/49d99d0c4049318610f4e4fb0b69361/executable"),
    (Layout.UNIFIED, DEBUGINFO, PDB, "32/49d99d0c4049318610f4e4fb0b69361/debuginfo"),
    (
        *(Layout.UNIFIED, DEBUGINFO, PORTABLE),
        "32/49d99d0c4049318610f4e4fb0b6936e60b819d/debuginfo",
    ),
    (
        *(Layout.UNIFIED, FileRole.BREAKPAD, SYM_OF_PDB),
        "32/49d99d0c4049318610f4e4fb0b69361/breakpad",
    ),
    (
        *(Layout.UNIFIED, FileRole.SOURCES, SOURCES_OF_PDB),
        "32/49d99d0c4049318610f4e4fb0b69361/sourcebundle",
    ),
    (
        *(Layout.UNIFIED, EXECUTABLE, ELF),
        "df/b85de42daffd09640c8fe377d572de3e168920/executable",
    ),
    (
        *(Layout.UNIFIED, DEBUGINFO, ELF),
        "df/b85de42daffd09640c8fe377d572de3e168920/debuginfo",
    ),
    (
        *(Layout.UNIFIED, EXECUTABLE, MACHO),
        "67/e9247c814e392ba027dbde6748fcbf/executable",
    ),
    (
        *(Layout.UNIFIED, DEBUGINFO, MACHO),
        "67/e9247c814e392ba027dbde6748fcbf/debuginfo",
    ),
    (
        *(Layout.UNIFIED, EXECUTABLE, WASM),
        "67/e9247c814e392ba027dbde6748fcbf/executable",
    ),
    (
        *(Layout.UNIFIED, FileRole.MAPPING, MAPPING),
        "67/e9247c814e392ba027dbde6748fcbf0/proguard",
    ),
    (Layout.SLASHSYMBOLS, DEBUGINFO, ELF, f"libm-2.23.so/{BUILD_ID}/symbols"),
    (Layout.DEBUGINFOD, EXECUTABLE, ELF, f"{BUILD_ID}/executable"),
    (Layout.DEBUGINFOD, DEBUGINFO, ELF, f"{BUILD_ID}/debuginfo"),
]

# Only read: a second place where clients look, or another way to write the same.
ONE_WAY = [
    (
        *(Layout.NATIVE, FileRole.SOURCES, SOURCES_OF_ELF),
        "df/b85de42daffd09640c8fe377d572de3e168920.src.zip",
    ),
    (
        *(Layout.NATIVE, FileRole.SOURCES, SOURCES_OF_MACHO),
        "67E9/247C/814E/392B/A027/DBDE6748FCBF.src.zip",
    ),
    (
        *(Layout.NATIVE, FileRole.SOURCES, SOURCES_OF_MACHO),
        "67/e9247c814e392ba027dbde6748fcbf.src.zip",
    ),
    (
        *(Layout.UNIFIED, FileRole.BREAKPAD, SYM_OF_ELF),
        "df/b85de42daffd09640c8fe377d572de3e168920/breakpad",
    ),
    (
        *(Layout.UNIFIED, FileRole.BREAKPAD, SYM_OF_MACHO),
        "67/e9247c814e392ba027dbde6748fcbf/breakpad",
    ),
    (
        *(Layout.UNIFIED, FileRole.SOURCES, SOURCES_OF_ELF),
        "df/b85de42daffd09640c8fe377d572de3e168920/sourcebundle",
    ),
    (Layout.SLASHSYMBOLS, DEBUGINFO, ELF, f"libm-2.23.so/{BUILD_ID.upper()}/symbols"),
    (
        *(Layout.SYMSTORE_INDEX2, DEBUGINFO, ELF),
        f"_./_.debug/elf-buildid-sym-{BUILD_ID}/_.debug",
    ),
    (Layout.SSQP, EXECUTABLE, ELF, f"_/elf-buildid-{BUILD_ID}/_"),
    (
        Layout.BREAKPAD,
        FileRole.BREAKPAD,
        SYM_OF_PDB,
        f"crash.pdb/{GUID}1/crash.pdb.sym",
    ),
    (Layout.BREAKPAD, FileRole.BREAKPAD, SYM_OF_PDB, f"crash.pdb/{GUID}1/other.sym"),
    (
        *(Layout.BREAKPAD, FileRole.BREAKPAD),
        kept(Format.BREAKPAD, "crash.pdb", PDB_ID, PE_ID),
        f"crash.pdb/{GUID}1/crash.sym",
    ),
    (
        *(Layout.UNIFIED, EXECUTABLE),
        kept(Format.PE, "crash.exe", DebugId(PDB_ID.uuid, 0x1A), PE_ID),
        "32/49d99d0c4049318610f4e4fb0b69361a/executable",
    ),
    (Layout.DEBUGINFOD, FileRole.SOURCES, SOURCES_OF_ELF, f"{BUILD_ID}/source"),
    (Layout.SYMSTORE, DEBUGINFO, PDB, f"//crash.pdb//{GUID}1/crash.pdb"),
]


@pytest.mark.parametrize(("layout", "role", "known", "path"), BOTH_WAYS)
def test_paths_are_those_of_symbolicator(
    layout: Layout, role: FileRole, known: ObjectFile, path: str
) -> None:
    assert path_writers.build(layout, role, known) == path


@pytest.mark.parametrize(("layout", "role", "known", "path"), BOTH_WAYS + ONE_WAY)
def test_a_path_in_any_case_parses_to_its_file(
    layout: Layout, role: FileRole, known: ObjectFile, path: str
) -> None:
    cased = {path, path.lower(), path.upper()}

    for written in {path} if layout is Layout.DEBUGINFOD else cased:
        asked = read(layout, written)
        assert asked.role is role, written
        assert asked.matches(known), written


@pytest.mark.parametrize(
    ("layout", "path", "asked"),
    [
        (
            Layout.SYMSTORE,
            "Foo.exe/542D574Ec2000/foo.exe",
            FileQuery(
                EXECUTABLE,
                frozenset({Format.PE}),
                code_ids=(CodeId("542d574ec2000"),),
                name="Foo.exe",
            ),
        ),
        (
            Layout.SYMSTORE,
            f"fo/foo.pdb/{GUID}1A/foo.pdb",
            FileQuery(
                DEBUGINFO,
                frozenset({Format.PDB}),
                debug_ids=(DebugId(PDB_ID.uuid, 0x1A),),
                age=AgeMatch.AT_LEAST,
                name="foo.pdb",
            ),
        ),
        (
            Layout.SYMSTORE,
            f"foo.pdb/{GUID}FFFFFFFF/foo.pdb",
            FileQuery(
                DEBUGINFO,
                frozenset({Format.PORTABLE_PDB}),
                debug_ids=(DebugId(PDB_ID.uuid, 0xFFFF_FFFF),),
                age=AgeMatch.ANY,
                name="foo.pdb",
            ),
        ),
        (
            Layout.BREAKPAD,
            "crash.exe/5AB380779000/crash.sym",
            FileQuery(
                FileRole.BREAKPAD,
                frozenset({Format.BREAKPAD}),
                code_ids=(CodeId(PE_ID),),
                name="crash.exe",
            ),
        ),
        (
            Layout.DEBUGINFOD,
            f"{BUILD_ID}/debuginfo",
            FileQuery(DEBUGINFO, frozenset({Format.ELF}), code_ids=(CodeId(BUILD_ID),)),
        ),
    ],
)
def test_a_path_parses_to_a_whole_query(
    layout: Layout, path: str, asked: FileQuery
) -> None:
    assert path_parser.parse(layout, path) == asked


def test_a_padded_build_id_of_dotnet_matches_the_shorter_one() -> None:
    short = "dfb85de42daffd09640c8fe377d572de"

    padded = read(Layout.SSQP, f"a.so/elf-buildid-{short}00000000/a.so")
    whole = read(Layout.SSQP, f"a.so/elf-buildid-{BUILD_ID}/a.so")
    least = read(Layout.SSQP, f"a.so/elf-buildid-01{'0' * 38}/a.so")
    other = read(Layout.SSQP, f"a.so/elf-buildid-{short}0000/a.so")

    assert [str(i) for i in padded.code_ids] == [
        f"{short}{'00' * n}" for n in (4, 3, 2, 1, 0)
    ]
    assert [str(i) for i in whole.code_ids] == [BUILD_ID]
    assert str(least.code_ids[-1]) == "0100000000000000"
    assert [str(i) for i in other.code_ids] == [f"{short}0000"]


def test_the_whole_build_id_is_compared() -> None:
    other = kept(Format.ELF, "libm-2.23.so", ELF_ID, BUILD_ID[:-1] + "1")

    for layout, role, known, path in BOTH_WAYS:
        if known is ELF:
            assert not read(layout, path).matches(other), (layout, role)


@pytest.mark.parametrize("age", [0, 1, 2, 0x1A])
def test_a_pdb_matches_its_age_and_smaller_ones(age: int) -> None:
    pdb = kept(Format.PDB, "crash.pdb", DebugId(PDB_ID.uuid, age))
    sym = kept(Format.BREAKPAD, "crash.pdb", DebugId(PDB_ID.uuid, age))

    for_pdb = read(Layout.SYMSTORE, f"crash.pdb/{GUID}1/crash.pdb")
    for_sym = read(Layout.SYMSTORE, f"crash.pdb/{GUID}1/crash.sym")

    assert for_pdb.matches(pdb) == (age >= 1)
    assert for_sym.matches(sym) == (age == 1)


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        (Layout.SYMSTORE, ""),
        (Layout.SYMSTORE, "index2.txt"),
        (Layout.SYMSTORE, "//index2.txt"),
        (Layout.SYMSTORE, "pingme.txt"),
        (Layout.SYMSTORE, "000Admin/lastid.txt"),
        (Layout.SYMSTORE, f"foo.pdb/{GUID}1/foo.pd_"),
        (Layout.SYMSTORE, f"foo.pdb/{GUID}1/file.ptr"),
        (Layout.SYMSTORE, f"foo.pdb/{GUID}1/refs.ptr"),
        (Layout.SYMSTORE, f"foo.pdb/{GUID}1/bar.pdb"),
        (Layout.SYMSTORE, f"xx/foo.pdb/{GUID}1/foo.pdb"),
        (Layout.SYMSTORE, f"foo.pdb/{GUID}/foo.pdb"),
        (Layout.SYMSTORE, f"foo.pdb/{GUID}123456789/foo.pdb"),
        (Layout.SYMSTORE, f"foo.pdb/{'0' * 33}/foo.pdb"),
        (Layout.SYMSTORE, f"foo.pdb/{'0' * 33}/foo.sym"),
        (Layout.SYMSTORE, "foo.exe/5AB38077/foo.exe"),
        (Layout.SYMSTORE, "foo.exe/5AB38077XYZ/foo.exe"),
        (Layout.SYMSTORE, f"a.so/elf-buildid-coreclr-{BUILD_ID}/a.so"),
        (Layout.SYMSTORE, f"a.so/elf-buildid-{BUILD_ID[1:]}/a.so"),
        (Layout.SYMSTORE, f"a.so/elf-buildid-{'0' * 40}/a.so"),
        (Layout.SYMSTORE, f"a/mach-uuid-{BUILD_ID}/a"),
        (Layout.SYMSTORE, f"a.cs/sha1-{BUILD_ID}/a.cs"),
        (Layout.SYMSTORE, f"a.so/{BUILD_ID[1:]}/symbols"),
        (Layout.DEBUGINFOD, f"{BUILD_ID.upper()}/debuginfo"),
        (Layout.DEBUGINFOD, f"{BUILD_ID[1:]}/debuginfo"),
        (Layout.DEBUGINFOD, "/debuginfo"),
        (Layout.DEBUGINFOD, BUILD_ID),
        (Layout.DEBUGINFOD, f"{BUILD_ID}/sourcebundle"),
        (Layout.DEBUGINFOD, f"{BUILD_ID}/debuginfo/"),
        (Layout.DEBUGINFOD, f"{'ab' * 65}/debuginfo"),
        (Layout.NATIVE, "df/b"),
        (Layout.NATIVE, "67E9/247C/814E/392B/A027/DBDE6748FCB"),
        (Layout.UNIFIED, f"df/{BUILD_ID[2:]}/mapping"),
        (Layout.UNIFIED, f"df/{BUILD_ID[2:]}"),
        (Layout.UNIFIED, "32/49d99/breakpad"),
    ],
)
def test_other_paths_parse_to_none(layout: Layout, path: str) -> None:
    assert path_parser.parse(layout, path) is None


@pytest.mark.parametrize("layout", Layout)
@given(path=st.text() | st.from_regex(re.compile(r"([^/]{0,3}/?)?[0-9a-fF/.-]{0,60}")))
def test_any_text_parses_without_an_error(layout: Layout, path: str) -> None:
    asked = path_parser.parse(layout, path)

    assert asked is None or asked.code_ids or asked.debug_ids


OBJECTS = st.builds(
    an_object,
    format=st.sampled_from([f for f in Format if f is not Format.DART_SYMBOL_MAP]),
    debug_id=st.builds(
        DebugId, st.uuids().filter(lambda u: u.int > 0), st.integers(0, 0xFFFF_FFFE)
    ),
    code_id=st.none(),
    name=st.sampled_from(["a", "a.pdb", "A b.DLL", "libä.so", "_"]),
)


@given(
    known=OBJECTS,
    role=st.sampled_from(list(FileRole)),
    number=st.integers(1, 2**128 - 1),
)
@pytest.mark.parametrize("layout", Layout)
def test_a_built_path_parses_back_to_its_file(
    layout: Layout, known: ObjectFile, role: FileRole, number: int
) -> None:
    digits = {Format.PE: 13, Format.ELF: 40}.get(known.format, 32)
    known = an_object(
        format=known.format,
        debug_id=known.debug_id,
        name=known.name,
        code_id=CodeId(f"{number:032x}".ljust(digits, "1")[-digits:])
        if known.format in {Format.PE, Format.ELF, Format.MACHO, Format.WASM}
        else None,
    )

    path = path_writers.build(layout, role, known)

    if path is not None:
        asked = read(layout, path)
        assert asked.matches(known), path
        assert asked.role is role
