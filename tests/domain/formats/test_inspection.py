"""What is told of a file is what symbolic tells, in the words that clients know."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from symbolic import exceptions
from tests.fixtures import builders, compiled

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import inspection
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import ObjectFile, single_object
from symdepot.domain.symcache import converter
from symdepot.domain.symcache.conversion import ObjectSelector, SymCacheWritten
from symdepot.domain.symcache.reader import OpenSymCache

ID = UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75")
CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
MAPPING_NAME = f"/proguard/mapping-{ID}.txt"


def inspected(
    folder: Path, content: bytes, name: str = "uploads/a.file"
) -> list[ObjectFile]:
    path = folder / "some-upload"
    path.write_bytes(content)
    return inspection.inspect(path, name=name)


def refusal(folder: Path, content: bytes, name: str = "uploads/a.file") -> str:
    with pytest.raises(NotADebugFile) as caught:
        inspected(folder, content, name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            builders.breakpad(ID, 3),
            "breakpad dbg x86_64 dfb8e43a-f242-3d73-a453-aeb6a777ef75-3 - debug",
        ),
        (
            builders.macho(ID),
            f"macho exe x86_64 dfb8e43a-f242-3d73-a453-aeb6a777ef75 {ID.hex} -",
        ),
        (
            builders.pe(ID, 2),
            "pe lib x86_64 dfb8e43a-f242-3d73-a453-aeb6a777ef75-2 5ab380772000 -",
        ),
        (
            builders.pdb(ID, 0xA),
            "pdb dbg x86_64 dfb8e43a-f242-3d73-a453-aeb6a777ef75-a - debug,symtab",
        ),
        (
            builders.portable_pdb(ID, 0xA39453E5),
            "portablepdb dbg unknown dfb8e43a-f242-3d73-a453-aeb6a777ef75-a39453e5 - -",
        ),
        (
            builders.wasm(ID.bytes),
            f"wasm dbg wasm32 dfb8e43a-f242-3d73-a453-aeb6a777ef75 {ID.hex} symtab",
        ),
        (
            builders.source_bundle(ID, {"/src/a.c": "int a;"}),
            "sourcebundle src x86_64 dfb8e43a-f242-3d73-a453-aeb6a777ef75 - sources",
        ),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else "",
)
def test_each_format_is_described(tmp_path: Path, content: bytes, told: str) -> None:
    (found,) = inspected(tmp_path, content)

    assert told == " ".join(
        (
            found.format,
            found.kind or "-",
            found.arch,
            str(found.debug_id),
            str(found.code_id or "-"),
            ",".join(sorted(found.features)) or "-",
        )
    )


def test_a_program_and_its_debug_companion_have_the_same_ids(tmp_path: Path) -> None:
    program = compiled.elf_program(tmp_path)
    parts = (compiled.stripped(program), compiled.debug_companion(program))

    stripped, companion = (
        single_object(inspection.inspect(part, name=part.name)) for part in parts
    )

    assert stripped.debug_id == companion.debug_id
    assert stripped.code_id == companion.code_id is not None
    assert stripped.features == {"symtab", "unwind"}
    assert companion.features == {"symtab", "debug"}


@pytest.mark.parametrize("method", ["zlib", "zlib-gnu"])
def test_compressed_sections_change_no_id(tmp_path: Path, method: str) -> None:
    program = compiled.elf_program(tmp_path)
    smaller = compiled.compressed(program, method)

    plain = inspection.inspect(program, name="hello")

    assert inspection.inspect(smaller, name="hello") == plain


def test_a_fat_file_has_an_object_for_each_architecture(tmp_path: Path) -> None:
    slices = [(ID, builders.CPU_ARM64), (UUID(int=5), builders.CPU_X86_64)]

    found = inspected(tmp_path, builders.fat_macho(slices))

    assert [(o.arch, o.debug_id.uuid) for o in found] == [
        ("arm64", ID),
        ("x86_64", UUID(int=5)),
    ]


@pytest.mark.parametrize(
    ("name", "object_name"),
    [
        ("a.sym", "a"),
        ("/usr/lib/a.so.sym", "a.so"),
        ("C:\\build\\a.exe", "a.exe"),
        ("mixed\\up/a", "a"),
        ("folder/", ""),
    ],
)
def test_an_object_is_named_by_the_base_name(
    tmp_path: Path, name: str, object_name: str
) -> None:
    (found,) = inspected(tmp_path, builders.breakpad(ID), name)

    assert found.name == object_name


def test_only_breakpad_files_lose_their_extension(tmp_path: Path) -> None:
    (found,) = inspected(tmp_path, builders.macho(ID), "a.sym")

    assert found.name == "a.sym"


@pytest.mark.parametrize(
    "content",
    [builders.macho(ID), builders.breakpad(ID), b"a\0b", b"\xff\xfe", b""],
    ids=["macho", "breakpad", "nul", "latin", "empty"],
)
def test_object_files_and_binaries_are_refused_as_mappings(
    tmp_path: Path, content: bytes
) -> None:
    assert refusal(tmp_path, content, MAPPING_NAME) == (
        "This file is not a ProGuard mapping."
    )


@pytest.mark.parametrize(
    "name", [MAPPING_NAME[1:], "/proguard/mapping-x.txt", f"/proguard/{ID}.map"]
)
def test_a_similar_name_is_not_that_of_a_mapping(tmp_path: Path, name: str) -> None:
    text = refusal(tmp_path, builders.PROGUARD_MAPPING, name)

    assert text == "Invalid debug information file: unsupported object file format"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "unsupported object file format"),
        (b"unknown", "unsupported object file format"),
        (b"\x7fELF", "unsupported object file format"),
        (b"MODULE Linux vax 3249D99D1 hello\n", "invalid architecture"),
        (b"MODULE windows x86 3249D99D1 old.pdb\n", "not a debug id: '3249D99D-1'"),
        (
            builders.elf_section(b".text", b"")[:64],
            "invalid ELF file\n  caused by: unable to parse section headers",
        ),
    ],
)
def test_an_error_has_the_message_of_symbolic(
    tmp_path: Path, content: bytes, text: str
) -> None:
    assert refusal(tmp_path, content) == f"Invalid debug information file: {text}"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            exceptions.ObjectErrorUnsupportedObject("no such thing"),
            "Unsupported debug information file: no such thing",
        ),
        (
            exceptions.Panic("panicked: thread 'x' panicked with 'no' at /src/a.rs:1"),
            "Invalid debug information file: the parser panicked: no",
        ),
    ],
)
def test_unsupported_files_and_panics_have_their_own_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    def break_off(path: Path) -> Iterator[object]:
        raise error

    monkeypatch.setattr(inspection, "_objects", break_off)

    assert refusal(tmp_path, builders.macho(ID)) == text


def test_an_unreadable_file_raises_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"(?i)no such file"):
        inspection.inspect(tmp_path / "none", name="a")


@pytest.mark.parametrize(
    "content", [b"", b"unknown", builders.macho(ID), builders.PROGUARD_MAPPING]
)
def test_trial_parse_of_a_valid_file_returns(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "honest"
    path.write_bytes(content)

    inspection.trial_parse(path)


def corpus_table() -> dict[str, list[list[str]]]:
    if not CORPUS.exists():
        return {}
    rows: dict[str, list[list[str]]] = {}
    for line in (CORPUS / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 9 and (CORPUS / "symbolic" / cells[0]).is_file():
            rows.setdefault(cells[0], []).append(cells[3:])
    return rows


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not beside the checkout")
@pytest.mark.parametrize("name", corpus_table())
def test_corpus_files_are_described_as_in_its_table(name: str) -> None:
    rows = corpus_table()[name]
    path = CORPUS / "symbolic" / name

    if rows[0][0].startswith("not an object file"):
        (found,) = inspection.inspect(path, name=name)
        assert found.format.value == path.suffix[1:].replace("plist", "uuidmap")
        return

    assert rows == [
        [
            o.format,
            o.kind or "",
            o.arch,
            str(o.debug_id),
            str(o.code_id or "–"),  # noqa: RUF001 - as in the table
            " ".join(sorted(o.features)) or "–",  # noqa: RUF001 - as in the table
        ]
        for o in inspection.inspect(path, name=name)
    ]


@pytest.mark.parametrize(
    ("arch", "known"),
    [
        ("aarch64", "arm64"),
        ("i686", "x86"),
        ("mips64", "mips64"),
        ("s390x", "unknown"),
        ("sparcv9", "unknown"),
        ("riscv", "unknown"),
    ],
)
def test_breakpad_files_of_every_architecture_are_converted(
    tmp_path: Path, arch: str, known: str
) -> None:
    source, target = tmp_path / "a.sym", tmp_path / "a.symcache"
    records = "FILE 0 a.c\nFUNC 1000 10 0 main\n1000 10 7 0\n"
    source.write_text(f"MODULE Linux {arch} {ID.hex.upper()}0 a\n{records}")
    target.touch()

    [found] = inspection.inspect(source, name="a.sym")
    selector = ObjectSelector(found.debug_id, found.arch)
    result = converter.convert(source, selector, target)

    assert (found.arch, found.debug_id) == (known, DebugId(ID))
    assert result == SymCacheWritten(symbols_only=False)
    [[frame]] = OpenSymCache.open(target).frames_at([0x1004])
    assert (frame.function, frame.line) == ("main", 7)


@pytest.mark.parametrize(
    ("options", "kind", "of_companion"),
    [
        ("-static", "exe", "dbg"),
        ("-no-pie", "exe", "dbg"),
        ("-static-pie", "lib", "dbg"),
        ("-shared -fPIC", "lib", "dbg"),
        ("-r", "rel", "rel"),
    ],
)
def test_programs_and_companions_are_known_by_their_sections(
    tmp_path: Path, options: str, kind: str, of_companion: str
) -> None:
    program = compiled.elf_program(tmp_path, options=f"-nostdlib {options}")
    companion = compiled.debug_companion(program)

    assert inspection.inspect(program, name="a")[0].kind == kind
    assert inspection.inspect(companion, name="a")[0].kind == of_companion
