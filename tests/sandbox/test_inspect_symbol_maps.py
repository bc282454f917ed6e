"""Symbol maps are inspected within the limits, even large ones."""

import json
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from uuid import UUID

import pytest
from tests.fixtures import builders

from symdepot.domain.errors import NotADebugFile, ParserDied
from symdepot.domain.objects import Format
from symdepot.sandbox.operations import Sandbox

ID = UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75")
MEGABYTE = 1_000_000
TOO_DEEP = 200_000


def il2cpp_files() -> Iterator[str]:
    """Yield entries of C++ files as in a game: several C# files, thousands of lines."""
    lines = json.dumps({str(line): line // 3 for line in range(10, 9000, 7)})
    for number in count():
        sources = ", ".join(f'"/game/{number}_{n}.cs": {lines}' for n in range(8))
        yield f'"/build/il2cppOutput/Assembly-CSharp_{number}.cpp": {{{sources}}}'


def il2cpp(path: Path, megabytes: int) -> Path:
    files = il2cpp_files()
    each_bytes = len(next(files)) + 1
    some = islice(files, megabytes * MEGABYTE // each_bytes + 1)
    path.write_text("{" + ",".join(some) + ',"__debug-id__": {}}')
    return path


def dart(path: Path, megabytes: int) -> Path:
    each = '"someLongName{0}","a{0}"'
    names = (each.format(number) for number in range(megabytes * MEGABYTE // 30))
    path.write_text("[" + ",".join(names) + "]")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("large", "file_format"),
    [(il2cpp, Format.IL2CPP), (dart, Format.DART_SYMBOL_MAP)],
)
def test_a_valid_map_of_60_mb_is_inspected(
    inspector: Sandbox,
    tmp_path: Path,
    large: Callable[[Path, int], Path],
    file_format: Format,
) -> None:
    path = large(tmp_path / "large", 60)
    assert path.stat().st_size > 60 * MEGABYTE

    (found,) = inspector.inspect(path, name="large.json")

    assert found.format is file_format


def flat(folder: Path) -> Path:
    path = folder / "flat"
    names = ",".join(f'"{n}":0' for n in range(4_000_000))
    path.write_text(f"{{{names}}}")
    return path


def deep_plist(folder: Path) -> Path:
    path = folder / "deep.plist"
    path.write_bytes(b'<?xml version="1.0"?><plist>' + b"<array>" * TOO_DEEP)
    return path


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        pytest.param(
            flat, "it needed more than 512 MiB of memory", marks=pytest.mark.slow
        ),
        (deep_plist, "it crashed (SIGSEGV)"),
    ],
)
def test_a_map_that_crashes_the_parser_is_refused(
    inspector: Sandbox,
    sound: Path,
    hostile: Callable[[Path], Path],
    reason: str,
) -> None:
    with pytest.raises(ParserDied) as caught:
        inspector.inspect(hostile(sound.parent), name="hostile")

    assert reason in str(caught.value)
    assert inspector.inspect(sound, name="sound")


def test_deeply_nested_json_is_refused(inspector: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_bytes(b"[" * TOO_DEEP)

    with pytest.raises(NotADebugFile, match="it is nested too deeply"):
        inspector.inspect(path, name="deep.json")


def test_apple_maps_are_inspected(inspector: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "map"
    for content, file_format in (
        (builders.uuid_map(ID), Format.UUID_MAP),
        (builders.bc_symbol_map("_main"), Format.BC_SYMBOL_MAP),
    ):
        path.write_bytes(content)
        (found,) = inspector.inspect(path, name=f"{ID}.map")
        assert (found.format, found.debug_id.is_nil) == (file_format, True)
