"""Real debug files, made on the spot: what every build machine has at the end of a day.

The large ones are variants of a shared library that every checkout has, the one that
`symbolic` brings: 74 MiB of machine code and DWARF. Each has a build id and a comment
of its own; the comment is longer each time and shifts what follows it, so that no two
variants have a chunk in common.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench import programs

_C_PROGRAMS = 30
_CPP_PROGRAMS = 12
_AT_ONCE = 2
_SECONDS = 120
_NOTE = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0"
"""The head of a build id of 20 bytes. Source: elf(5), "Notes (Nhdr)"."""
_VARIANTS: dict[str, Sequence[str]] = {
    "whole": (),
    "companion": ("--only-keep-debug",),
    "without-locations": ("--remove-section=.debug_loc",),
    "lines-only": ("--only-keep-debug", "--remove-section=.debug_loc"),
    "next-build": (),
    "packed": ("--compress-debug-sections=zlib",),
    "symbols-only": ("--strip-debug",),
}


@dataclass(frozen=True, slots=True)
class Samples:
    """A folder of debug files, and what is in it; `large` are the two largest."""

    folder: Path
    large: tuple[Path, Path]
    files: int
    size_bytes: int


def library() -> Path:
    """Return the library that all large files are made of.

    Raises:
        FileNotFoundError: `symbolic` is not installed, or not as it used to be.
    """
    spec = find_spec("symbolic")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("symbolic")
    return Path(spec.origin).with_name("_lowlevel__lib.so")


def made(folder: Path) -> Samples:
    """Fill `folder`, which is to be empty, with debug files.

    Raises:
        FileNotFoundError: there is no compiler or `objcopy`.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        jobs = [
            pool.submit(_variant, folder, number, name)
            for number, name in enumerate(_VARIANTS)
        ]
        jobs += [pool.submit(_program, folder, n, "c") for n in range(_C_PROGRAMS)]
        jobs += [pool.submit(_program, folder, n, "cpp") for n in range(_CPP_PROGRAMS)]
        for job in jobs:
            job.result()
    return found(folder)


def found(folder: Path) -> Samples:
    """Return the debug files that were made in `folder`."""
    sizes = {path: path.stat().st_size for path in folder.iterdir()}
    *_, second, first = sorted(sizes, key=lambda path: sizes[path])
    return Samples(folder, (first, second), len(sizes), sum(sizes.values()))


def make_some_more(folder: Path, count: int) -> None:
    """Make so many small programs in `folder`, unlike the other samples."""
    for number in range(count):
        _program(folder, _C_PROGRAMS + number, "c")


def _variant(folder: Path, number: int, name: str) -> Path:
    made = folder / f"lib{name}.so"
    note, comment = folder / f"{name}.note", folder / f"{name}.comment"
    note.write_bytes(_NOTE + hashlib.sha1(name.encode()).digest())  # noqa: S324 -- a build id
    comment.write_bytes(b"built for the benchmark; " * 16 * (number + 1))
    _run(
        "objcopy",
        f"--update-section=.note.gnu.build-id={note}",
        f"--update-section=.comment={comment}",
        *_VARIANTS[name],
        str(library()),
        str(made),
    )
    note.unlink()
    comment.unlink()
    return made


def _program(folder: Path, number: int, language: str) -> Path:
    made = folder / f"{language}-program-{number}"
    source = folder / f"{made.name}.{language}"
    source.write_text(programs.source(language, number))
    compiler = "g++" if language == "cpp" else "gcc"
    _run(compiler, "-g", "-O1", "-Wl,--build-id", "-o", str(made), str(source))
    source.unlink()
    return made


def _run(program: str, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise FileNotFoundError(f"{program} makes the debug files and is not installed")
    subprocess.run([found, *arguments], check=True, timeout=_SECONDS)  # noqa: S603 -- a compiler and binutils, on our own files
