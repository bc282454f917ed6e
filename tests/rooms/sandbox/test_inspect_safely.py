"""Strangers' files are read, whatever is in them, and the next one is read as well."""

import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from tests.fixtures import builders, compiled

from symdepot.domain.errors import NotADebugFile, ParserDied
from symdepot.domain.formats import inspection
from symdepot.sandbox import operations
from symdepot.sandbox.operations import Sandbox
from symdepot.sandbox.resource_limits import ResourceLimits

ID = UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75")
HOSTILE = Path(__file__).parents[4] / "shared" / "corpus" / "hostile"
SIXTY_FOUR_GIB = struct.pack("<IIQQ", 1, 0, 64 * 1024**3, 1)


@pytest.fixture
def starved() -> Iterator[Sandbox]:
    four_mebibytes = ResourceLimits(4 * 1024**2, 4096, cpu_seconds=5, wall_seconds=10.0)
    inspector = Sandbox(limits=four_mebibytes)
    yield inspector
    inspector.close()


def kept(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def deep_elf(folder: Path) -> Path:
    return compiled.deep_elf(folder, depth=10_000)


def deep_compressed_elf(folder: Path) -> Path:
    return compiled.compressed(deep_elf(folder))


def deep_breakpad(folder: Path) -> Path:
    return kept(folder / "deep.sym", builders.deep_breakpad(ID, depth=10_000))


def lying_elf(folder: Path) -> Path:
    lie = builders.elf_section(b".debug_info", SIXTY_FOUR_GIB + b"xyz", flags=0x800)
    return kept(folder / "lying", lie)


def truncated_pe(folder: Path) -> Path:
    return kept(folder / "cut.dll", builders.pe(ID)[:300])


def empty(folder: Path) -> Path:
    return kept(folder / "empty", b"")


DEADLY = [deep_elf, deep_compressed_elf, deep_breakpad]
BROKEN = [lying_elf, truncated_pe, empty]


def test_tells_of_a_file_what_inspection_tells(sound: Path) -> None:
    name = f"odd\udcff\n/{sound.name}.sym"

    found = operations.inspect(sound, name=name)

    assert found == inspection.inspect(sound, name=name)
    assert found[0].debug_id.uuid == UUID(int=7)


def test_tells_every_object_of_a_fat_file(tmp_path: Path, inspector: Sandbox) -> None:
    slices = [(UUID(int=i + 1), builders.CPU_X86_64) for i in range(44)]
    path = kept(tmp_path / "fat", builders.fat_macho(slices))

    found = inspector.inspect(path, name="x" * 250)

    assert [o.debug_id.uuid.int for o in found] == list(range(1, 45))


def test_refuses_in_the_words_of_inspection(tmp_path: Path, inspector: Sandbox) -> None:
    with pytest.raises(NotADebugFile) as caught:
        inspector.inspect(empty(tmp_path), name="empty")

    assert str(caught.value) == (
        "Invalid debug information file: unsupported object file format"
    )


@pytest.mark.parametrize("deadly", DEADLY)
def test_a_file_that_nests_too_deep_is_refused_with_a_reason(
    tmp_path: Path, inspector: Sandbox, deadly: Callable[[Path], Path]
) -> None:
    with pytest.raises(ParserDied) as caught:
        inspector.inspect(deadly(tmp_path), name="deep")

    assert str(caught.value) == (
        "Reading this file ended the process that read it: it crashed (SIGSEGV)."
    )


def test_a_file_that_nests_as_deep_as_programs_do_is_taken(
    tmp_path: Path, inspector: Sandbox
) -> None:
    path = compiled.deep_elf(tmp_path, depth=1000)

    (found,) = inspector.inspect(path, name="deep")

    assert found.features == {"debug", "symtab", "unwind"}


def test_a_bundle_that_unpacks_to_more_than_its_memory_is_refused(
    tmp_path: Path, starved: Sandbox
) -> None:
    bundle = builders.source_bundle(ID, {}, padding_bytes=8_000_000)
    path = kept(tmp_path / "bundle", bundle)

    with pytest.raises(ParserDied) as caught:
        starved.inspect(path, name="bundle")

    assert str(caught.value) == (
        "Reading this file ended the process that read it: "
        "it needed more than 4 MiB of memory."
    )


@pytest.mark.skipif(
    not HOSTILE.exists(), reason="the corpus is not beside the checkout"
)
@pytest.mark.parametrize(
    ("name", "promised_bytes"),
    [
        ("elf-section-claims-64GiB", 68720191890),
        ("elf-section-inflates-to-4GiB", 4295682450),
    ],
)
def test_hostile_files_of_the_corpus_are_refused_with_a_reason(
    inspector: Sandbox, name: str, promised_bytes: int
) -> None:
    path = HOSTILE / name

    with pytest.raises(NotADebugFile) as caught:
        inspector.inspect(path, name=name)

    assert str(caught.value) == (
        f"Invalid debug information file: its {path.stat().st_size} bytes "
        f"say that they unpack to {promised_bytes} bytes"
    )


@pytest.mark.parametrize("sixteenths", range(16))
def test_a_truncated_pe_is_refused(
    tmp_path: Path, inspector: Sandbox, sixteenths: int
) -> None:
    whole = builders.pe(ID)
    path = kept(tmp_path / "cut.dll", whole[: len(whole) * sixteenths // 16])

    with pytest.raises(NotADebugFile, match="Invalid debug information file: "):
        inspector.inspect(path, name="cut.dll")


def test_hostile_files_in_a_row_do_not_wear_it_out(
    tmp_path: Path, inspector: Sandbox, sound: Path
) -> None:
    hostile = [make(tmp_path) for make in (*DEADLY, *BROKEN)]

    for path in hostile * 2:
        with pytest.raises((ParserDied, NotADebugFile)):
            inspector.inspect(path, name=path.name)

    assert inspector.inspect(sound, name="sound.sym")[0].name == "sound"


def test_threads_take_turns_and_each_gets_its_own_answer(
    tmp_path: Path, inspector: Sandbox
) -> None:
    deep = deep_elf(tmp_path)
    sound = [
        kept(tmp_path / str(i), builders.breakpad(UUID(int=i + 1))) for i in range(24)
    ]
    paths = [path for one in sound for path in (one, deep)]

    def uuid_or_death(path: Path) -> int:
        try:
            return inspector.inspect(path, name=path.name)[0].debug_id.uuid.int
        except ParserDied:
            return 0

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(uuid_or_death, paths))

    assert answers == [0 if p == deep else int(p.name) + 1 for p in paths]


def test_a_warm_process_is_there_before_the_first_file(sound: Path) -> None:
    before = children()
    inspector = Sandbox()

    inspector.warm_up()
    warm = children() - before
    inspector.inspect(sound, name="hello")

    assert len(warm) == 1
    assert children() - before == warm
    inspector.close()


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}
