"""Debian's symbolizers and a wrapper of symbolic, run on the same addresses."""

import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from symbolic.debuginfo import Archive
from symbolic.symcache import SymCache

_SECONDS = 300
_COMMANDS = {
    "llvm-symbolizer-19": ("--obj={}", "--inlines"),
    "eu-addr2line": ("-f", "-i", "-e", "{}"),
    "addr2line": ("-f", "-i", "-e", "{}"),
}


def installed() -> list[str]:
    """Return which of them there are."""
    return [name for name in _COMMANDS if shutil.which(name)]


def seconds(name: str, library: Path, addresses: Sequence[int]) -> float:
    """Return how long one needs for all addresses, from its start to its end."""
    words = [word.format(library) for word in _COMMANDS[name]]
    typed = "".join(f"{address:#x}\n" for address in addresses)
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 -- symbolizers, and our own words
        [name, *words],
        input=typed,
        stdout=subprocess.DEVNULL,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    return time.perf_counter() - began


def debug_id(library: Path) -> str:
    """Return the debug id of a library."""
    (only,) = Archive.open(str(library)).iter_objects()
    return str(only.debug_id)


def symcache(library: Path) -> SymCache:
    """Return the symcache of a library, as symbolic makes it."""
    (only,) = Archive.open(str(library)).iter_objects()
    return only.make_symcache()


def cpu_seconds_of_wrapper(symcache: SymCache, addresses: Sequence[int]) -> float:
    """Return what it costs to look all addresses up by symbolic's own wrapper."""
    began = time.process_time()
    for address in addresses:
        symcache.lookup(address)  # type: ignore[no-untyped-call]  # symbolic's
    return time.process_time() - began
