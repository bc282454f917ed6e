"""Files are converted to symcaches, whatever they contain, at low priority."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from tests.fixtures import builders, compiled

from symdepot.domain.errors import SandboxUnavailable
from symdepot.domain.formats import inspection
from symdepot.domain.ids import DebugId
from symdepot.domain.symcache.conversion import (
    ConversionFailed,
    ObjectSelector,
    SymCacheWritten,
)
from symdepot.domain.symcache.reader import OpenSymCache
from symdepot.sandbox import operations, resource_limits
from symdepot.sandbox.operations import Sandbox
from symdepot.sandbox.resource_limits import ResourceLimits

ID = UUID(int=7)
SELECTOR = ObjectSelector(DebugId(ID), "x86_64")
DIED = "Reading this file ended the process that read it: "
DEFAULT_LIMITS = resource_limits.for_conversion(100_000, 0)


@pytest.fixture(scope="module")
def converter() -> Iterator[Sandbox]:
    converter = Sandbox()
    yield converter
    converter.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.touch()
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "hello.sym"
    path.write_bytes(builders.breakpad(ID))
    return path


def limited(limits: ResourceLimits) -> Sandbox:
    return Sandbox(limits=limits)


def selector_of(path: Path) -> ObjectSelector:
    (found,) = inspection.inspect(path, name=path.name)
    return ObjectSelector(found.debug_id, found.arch)


def test_a_symcache_from_the_child_can_be_read(
    converter: Sandbox, source: Path, target: Path
) -> None:
    result = converter.convert(source, SELECTOR, target)

    assert result == SymCacheWritten(symbols_only=False)
    ((frame,),) = OpenSymCache.open(target).frames_at([0x1004])
    assert (frame.function, frame.path, frame.line) == ("main", "hello.c", 1)


def test_no_symbol_reaches_beyond_the_module(
    converter: Sandbox, target: Path, tmp_path: Path
) -> None:
    program = compiled.elf_program(tmp_path)

    converter.convert(program, selector_of(program), target)

    fini = compiled.start_of("_fini", program)
    inside, beyond = OpenSymCache.open(target).frames_at([fini, 0x900_0000])
    assert ([frame.function for frame in inside], beyond) == (["_fini"], [])


def test_a_failed_conversion_is_a_result(
    converter: Sandbox, source: Path, target: Path
) -> None:
    result = converter.convert(source, replace(SELECTOR, arch="arm64"), target)

    assert result == ConversionFailed(
        "The file holds no object of this id and architecture."
    )


def test_a_crash_is_a_result_and_the_next_file_is_converted(
    converter: Sandbox, source: Path, target: Path, tmp_path: Path
) -> None:
    deep = compiled.deep_elf(tmp_path, depth=10_000)

    result = converter.convert(deep, selector_of(deep), target)

    assert result == ConversionFailed(
        DIED + "it crashed (SIGSEGV).", crashed_parser=True
    )
    assert isinstance(converter.convert(source, SELECTOR, target), SymCacheWritten)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (
            replace(DEFAULT_LIMITS, memory_bytes=1024**2, mapped_bytes=2 * 10**6),
            DIED + "it needed more than 1 MiB of memory.",
        ),
        (
            replace(DEFAULT_LIMITS, written_bytes=50),
            "Its symcache is larger than 50 bytes.",
        ),
    ],
)
def test_exceeding_a_limit_is_a_result(
    tmp_path: Path, target: Path, limits: ResourceLimits, reason: str
) -> None:
    path = tmp_path / "large.sym"
    functions = "".join(f"FUNC {n:x} 10 0 f{n}\n" for n in range(0, 800_000, 16))
    path.write_bytes(builders.breakpad(ID, body=functions))
    converter = limited(limits)

    result = converter.convert(path, SELECTOR, target)

    converter.close()
    assert result == ConversionFailed(reason, crashed_parser=True)


def test_the_output_size_is_limited(source: Path, target: Path) -> None:
    converter = limited(replace(DEFAULT_LIMITS, written_bytes=50))

    converter.convert(source, SELECTOR, target)

    converter.close()
    assert target.stat().st_size <= 50


def test_limits_include_decompressed_sections(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, int]] = []

    def for_conversion(size_bytes: int, decompressed_bytes: int) -> ResourceLimits:
        sizes.append((size_bytes, decompressed_bytes))
        return DEFAULT_LIMITS

    monkeypatch.setattr(resource_limits, "for_conversion", for_conversion)

    packed = compiled.compressed(compiled.elf_program(tmp_path))
    converter = Sandbox()
    result = converter.convert(packed, selector_of(packed), target)

    converter.close()
    assert isinstance(result, SymCacheWritten)
    [(size_bytes, decompressed_bytes)] = sizes
    assert size_bytes == packed.stat().st_size
    assert decompressed_bytes > 0


def test_an_unwritable_target_is_retried(
    converter: Sandbox, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(SandboxUnavailable):
        converter.convert(source, SELECTOR, tmp_path / "missing" / "target")


def test_a_missing_file_is_retried(
    converter: Sandbox, tmp_path: Path, target: Path
) -> None:
    with pytest.raises(SandboxUnavailable):
        converter.convert(tmp_path / "gone", SELECTOR, target)


def test_conversions_have_low_priority(source: Path, target: Path) -> None:
    operations.stop_conversion()
    priority = psutil.Process().nice()
    before = set(psutil.Process().children())

    operations.convert(source, SELECTOR, target)

    (zygote,) = set(psutil.Process().children()) - before
    assert zygote.nice() == 19
    assert psutil.Process().nice() == priority
    operations.stop_conversion()


@pytest.mark.slow
def test_a_stopped_conversion_is_retried(tmp_path: Path, target: Path) -> None:
    path = tmp_path / "large.sym"
    functions = "".join(f"FUNC {n:x} 10 0 f{n}\n" for n in range(0, 80_000_000, 16))
    path.write_bytes(builders.breakpad(ID, body=functions))
    converter = Sandbox()
    converter.warm_up()
    threading.Timer(0.3, converter.close).start()

    with pytest.raises(SandboxUnavailable):
        converter.convert(path, SELECTOR, target)
