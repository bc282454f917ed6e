"""Files are inspected, whatever they contain, and so is the next one."""

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
HOSTILE = Path(__file__).parents[3] / "shared" / "corpus" / "hostile"
SIXTY_FOUR_GIB = struct.pack("<IIQQ", 1, 0, 64 * 1024**3, 1)


@pytest.fixture
def starved() -> Iterator[Sandbox]:
    four_mebibytes = ResourceLimits(4 * 1024**2, 4096, cpu_seconds=5, wall_seconds=10.0)
    inspector = Sandbox(limits=four_mebibytes)
    yield inspector
    inspector.close()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def deep_elf(folder: Path) -> Path:
    return compiled.deep_elf(folder, depth=10_000)


def deep_compressed_elf(folder: Path) -> Path:
    return compiled.compressed(deep_elf(folder))


def deep_breakpad(folder: Path) -> Path:
    return written(folder / "deep.sym", builders.deep_breakpad(ID, depth=10_000))


def elf_with_false_size(folder: Path) -> Path:
    lie = builders.elf_section(b".debug_info", SIXTY_FOUR_GIB + b"xyz", flags=0x800)
    return written(folder / "lying", lie)


def truncated_pe(folder: Path) -> Path:
    return written(folder / "cut.dll", builders.pe(ID)[:300])


def empty(folder: Path) -> Path:
    return written(folder / "empty", b"")


CRASHING = [deep_elf, deep_compressed_elf, deep_breakpad]
BROKEN = [elf_with_false_size, truncated_pe, empty]


def test_returns_what_inspection_returns(sound: Path) -> None:
    name = f"odd\udcff\n/{sound.name}.sym"

    found = operations.inspect(sound, name=name)

    assert found == inspection.inspect(sound, name=name)
    assert found[0].debug_id.uuid == UUID(int=7)


def test_returns_all_objects_of_a_fat_file(tmp_path: Path, inspector: Sandbox) -> None:
    slices = [(UUID(int=i + 1), builders.CPU_X86_64) for i in range(44)]
    path = written(tmp_path / "fat", builders.fat_macho(slices))

    found = inspector.inspect(path, name="x" * 250)

    assert [o.debug_id.uuid.int for o in found] == list(range(1, 45))


def test_refuses_with_the_message_of_inspection(
    tmp_path: Path, inspector: Sandbox
) -> None:
    with pytest.raises(NotADebugFile) as caught:
        inspector.inspect(empty(tmp_path), name="empty")

    assert str(caught.value) == (
        "Invalid debug information file: unsupported object file format"
    )


@pytest.mark.parametrize("crashing", CRASHING)
def test_deep_nesting_is_refused_with_a_reason(
    tmp_path: Path, inspector: Sandbox, crashing: Callable[[Path], Path]
) -> None:
    with pytest.raises(ParserDied) as caught:
        inspector.inspect(crashing(tmp_path), name="deep")

    assert str(caught.value) == (
        "Reading this file ended the process that read it: it crashed (SIGSEGV)."
    )


def test_nesting_as_in_real_programs_is_accepted(
    tmp_path: Path, inspector: Sandbox
) -> None:
    path = compiled.deep_elf(tmp_path, depth=1000)

    (found,) = inspector.inspect(path, name="deep")

    assert found.features == {"debug", "symtab", "unwind"}


def test_a_bundle_that_exceeds_the_memory_limit_is_refused(
    tmp_path: Path, starved: Sandbox
) -> None:
    bundle = builders.source_bundle(ID, {}, padding_bytes=8_000_000)
    path = written(tmp_path / "bundle", bundle)

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
def test_hostile_corpus_files_are_refused_with_a_reason(
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
    path = written(tmp_path / "cut.dll", whole[: len(whole) * sixteenths // 16])

    with pytest.raises(NotADebugFile, match="Invalid debug information file: "):
        inspector.inspect(path, name="cut.dll")


def test_many_hostile_files_do_not_wear_the_sandbox_out(
    tmp_path: Path, inspector: Sandbox, sound: Path
) -> None:
    hostile = [make(tmp_path) for make in (*CRASHING, *BROKEN)]

    for path in hostile * 2:
        with pytest.raises((ParserDied, NotADebugFile)):
            inspector.inspect(path, name=path.name)

    assert inspector.inspect(sound, name="sound.sym")[0].name == "sound"


def test_each_thread_gets_its_own_result(tmp_path: Path, inspector: Sandbox) -> None:
    deep = deep_elf(tmp_path)
    sound = [
        written(tmp_path / str(i), builders.breakpad(UUID(int=i + 1)))
        for i in range(24)
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


def test_warm_up_starts_the_zygote(sound: Path) -> None:
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
