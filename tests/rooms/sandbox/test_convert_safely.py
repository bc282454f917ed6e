"""Symcaches are made of strangers' files, whatever is in them, and others go first."""

import os
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
WANTED = ObjectSelector(DebugId(ID), "x86_64")
ENDED = "Reading this file ended the process that read it: "
USUAL = resource_limits.for_conversion(100_000, 0)


@pytest.fixture(scope="module")
def converter() -> Iterator[Sandbox]:
    converter = Sandbox()
    yield converter
    converter.close()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made"
    path.touch()
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "hello.sym"
    path.write_bytes(builders.breakpad(ID))
    return path


def limited(allowed: ResourceLimits) -> Sandbox:
    return Sandbox(limits=allowed)


def wanted_of(path: Path) -> ObjectSelector:
    (found,) = inspection.inspect(path, name=path.name)
    return ObjectSelector(found.debug_id, found.arch)


def test_what_is_made_in_the_child_can_be_looked_up_here(
    converter: Sandbox, source: Path, made: Path
) -> None:
    result = converter.convert(source, WANTED, made)

    assert result == SymCacheWritten(symbols_only=False)
    (frame,) = OpenSymCache.open(made).frames(0x1004)
    assert (frame.function, frame.path, frame.line) == ("main", "hello.c", 1)


def test_why_none_can_be_made_is_an_answer(
    converter: Sandbox, source: Path, made: Path
) -> None:
    result = converter.convert(source, replace(WANTED, arch="arm64"), made)

    assert result == ConversionFailed(
        "The file holds no object of this id and architecture."
    )


def test_a_file_that_ends_its_reader_is_an_answer_and_the_next_one_is_read(
    converter: Sandbox, source: Path, made: Path, tmp_path: Path
) -> None:
    deep = compiled.deep_elf(tmp_path, depth=10_000)

    result = converter.convert(deep, wanted_of(deep), made)

    assert result == ConversionFailed(
        ENDED + "it crashed (SIGSEGV).", crashed_parser=True
    )
    assert isinstance(converter.convert(source, WANTED, made), SymCacheWritten)


@pytest.mark.parametrize(
    ("allowed", "reason"),
    [
        (
            replace(USUAL, memory_bytes=1024**2, mapped_bytes=2 * 10**6),
            ENDED + "it needed more than 1 MiB of memory.",
        ),
        (replace(USUAL, written_bytes=50), "Its symcache is larger than 50 bytes."),
    ],
)
def test_a_conversion_beyond_its_limits_is_an_answer(
    tmp_path: Path, made: Path, allowed: ResourceLimits, reason: str
) -> None:
    path = tmp_path / "large.sym"
    functions = "".join(f"FUNC {n:x} 10 0 f{n}\n" for n in range(0, 800_000, 16))
    path.write_bytes(builders.breakpad(ID, body=functions))
    converter = limited(allowed)

    result = converter.convert(path, WANTED, made)

    converter.close()
    assert result == ConversionFailed(reason, crashed_parser=True)


def test_nothing_is_written_beyond_what_is_allowed(source: Path, made: Path) -> None:
    converter = limited(replace(USUAL, written_bytes=50))

    converter.convert(source, WANTED, made)

    converter.close()
    assert made.stat().st_size <= 50


def test_the_limits_follow_what_compressed_sections_say_they_unpack_to(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, int]] = []

    def for_conversion(size_bytes: int, decompressed_bytes: int) -> ResourceLimits:
        sizes.append((size_bytes, decompressed_bytes))
        return USUAL

    monkeypatch.setattr(resource_limits, "for_conversion", for_conversion)

    packed = compiled.compressed(compiled.elf_program(tmp_path))
    converter = Sandbox()
    result = converter.convert(packed, wanted_of(packed), made)

    converter.close()
    assert isinstance(result, SymCacheWritten)
    [(size_bytes, decompressed_bytes)] = sizes
    assert size_bytes == packed.stat().st_size
    assert decompressed_bytes > 0


def test_a_disk_that_does_not_take_it_is_worth_a_retry(
    converter: Sandbox, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(SandboxUnavailable):
        converter.convert(source, WANTED, tmp_path / "missing" / "made")


def test_a_file_that_is_gone_is_worth_a_retry(
    converter: Sandbox, tmp_path: Path, made: Path
) -> None:
    with pytest.raises(SandboxUnavailable):
        converter.convert(tmp_path / "gone", WANTED, made)


def test_whoever_converts_lets_all_others_go_first(source: Path, made: Path) -> None:
    operations.stop_conversion()
    before = set(psutil.Process().children())

    operations.convert(source, WANTED, made)

    (zygote,) = set(psutil.Process().children()) - before
    assert zygote.nice() == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) == 0
    operations.stop_conversion()


def test_a_conversion_that_is_stopped_is_worth_a_retry(
    tmp_path: Path, made: Path
) -> None:
    path = tmp_path / "large.sym"
    functions = "".join(f"FUNC {n:x} 10 0 f{n}\n" for n in range(0, 80_000_000, 16))
    path.write_bytes(builders.breakpad(ID, body=functions))
    converter = Sandbox()
    converter.warm_up()
    threading.Timer(0.3, converter.close).start()

    with pytest.raises(SandboxUnavailable):
        converter.convert(path, WANTED, made)
