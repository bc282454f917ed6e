"""(g) to (i): cost of address lookups, compared with symbolic and other tools."""

import json
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from tests.clients.depot import Depot

from bench import large_file, processes, progress, symbolizers
from bench.figures import Figure, Series
from bench.processes import Stage

RATE_GOAL = 60_000
RATIO_GOAL = 0.5
COLD_GOAL_MS = 50.0
_FRAMES = 10_000
_FRAMES_A_STACK = 100
_BASE = 0x4000_0000
_TIMES = 3
_SECONDS = 300
_MEGABYTE = 1_000_000
_UNLIMITED = {"symbolications_per_minute": 0}


def measure(setting: Stage, turns: int) -> Iterator[Figure]:
    """Ask a server, symbolic's wrapper and other symbolizers the same addresses."""
    folder = setting.folder / "symbolicating"
    folder.mkdir()
    library = large_file.library(folder)
    addresses = _addresses(library)
    with replace(setting, settings={**setting.settings, **_UNLIMITED}).depot() as depot:
        _send(setting, depot, library)
        yield from _many(depot, library, addresses, turns)
    yield from _first(setting, library, addresses[:10], turns)
    yield from _others(library, addresses)


def _many(
    depot: Depot, library: Path, addresses: Sequence[int], turns: int
) -> Iterator[Figure]:
    """Ask for all addresses in one request, and the wrapper for the same."""
    body = json.dumps(_question(_debug_id(library), addresses))
    symcache = symbolizers.symcache(library)
    ours, theirs, walls = [], [], []
    for _ in progress.of("symbolicate", range(turns)):
        before, began = processes.cpu_seconds(depot.process), time.perf_counter()
        for _ in range(_TIMES):
            answer = _asked(depot, body)
        walls.append((time.perf_counter() - began) / _TIMES)
        spent = (processes.cpu_seconds(depot.process) - before) / _TIMES
        ours.append(_FRAMES / spent)
        theirs.append(_FRAMES / symbolizers.cpu_seconds_of_wrapper(symcache, addresses))
    told = sum(len(stack["frames"]) for stack in answer["stacktraces"])
    rate, wrapper = Series.of(ours), Series.of(theirs)
    yield Figure(
        f"(g) {_FRAMES} frames in one request, {told} with the inlined",
        rate.median,
        "frames/s a core",
        RATE_GOAL,
        f"{rate}; {Series.of(walls)} s a request",
        more_is_better=True,
    )
    yield Figure(
        "    against symbolic's wrapper in a process",
        rate.median / wrapper.median,
        "x",
        RATIO_GOAL,
        f"{wrapper} lookups/s",
        more_is_better=True,
    )


def _first(
    setting: Stage, library: Path, addresses: Sequence[int], turns: int
) -> Iterator[Figure]:
    """Ask a process that has answered nothing yet, of a symcache that is ready."""
    chosen = {**setting.settings, **_UNLIMITED, "web_workers": 1}
    body = json.dumps(_question(_debug_id(library), addresses))
    first: list[float] = []
    second: list[float] = []
    with replace(setting, settings=chosen).depot() as depot:
        _send(setting, depot, library)
        for _ in progress.of("first answers", range(turns)):
            _begin_anew(depot)
            for times in (first, second):
                began = time.perf_counter()
                _asked(depot, body)
                times.append(1000 * (time.perf_counter() - began))
    size = f"{library.stat().st_size // _MEGABYTE} MB"
    cold = Series.of(first)
    yield Figure(
        f"(h) first answer of a cold process, {size}",
        cold.median,
        "ms",
        COLD_GOAL_MS,
        f"{cold} ms; the second {Series.of(second)} ms",
    )


def _others(library: Path, addresses: Sequence[int]) -> Iterator[Figure]:
    for name in symbolizers.installed():
        alone = symbolizers.seconds(name, library, addresses[:1])
        # addr2line needs a tenth of a second for each.
        some = addresses[:: 20 if name == "addr2line" else 1]
        rate = len(some) / symbolizers.seconds(name, library, some)
        yield Figure(
            f"(i) {name}, the same addresses",
            rate,
            "frames/s",
            made_of=f"{alone:.2f} s for one alone",
        )


def _send(setting: Stage, depot: Depot, library: Path) -> None:
    """Upload the library, and wait until its symcache is made."""
    processes.upload(depot.client(setting.cli), library, depot.process)
    body = json.dumps(_question(_debug_id(library), [0x2000]))
    give_up_at = time.monotonic() + _SECONDS
    while "modules" not in _asked(depot, body, patience="?timeout=5"):
        if time.monotonic() > give_up_at:
            raise TimeoutError("its symcache is not made")


def _begin_anew(depot: Depot) -> None:
    """Have the process that answers replaced by a new one."""
    for process in depot.web_processes():
        process.kill()
        process.wait(_SECONDS)
    give_up_at = time.monotonic() + _SECONDS
    while not depot.answers():
        if time.monotonic() > give_up_at:
            raise TimeoutError("nobody answers")
        time.sleep(0.05)


def _asked(
    depot: Depot, body: str, *, patience: str = ""
) -> dict[str, list[dict[str, list[object]]]]:
    answer = depot.wire.ask(
        "POST",
        f"/symbolicate{patience}",
        body.encode(),
        headers=[("Content-Type", "application/json")],
    )
    if answer.status != 200:  # noqa: PLR2004 -- OK
        Console(stderr=True).print(answer.content[:500])
        raise RuntimeError(f"symbolicate: {answer.status}")
    told: dict[str, list[dict[str, list[object]]]] = answer.json()
    return told


def _question(debug_id: str, addresses: Sequence[int]) -> dict[str, object]:
    frames = [
        {"instruction_addr": hex(_BASE + a), "adjust_instruction_addr": False}
        for a in addresses
    ]
    starts = range(0, len(frames), _FRAMES_A_STACK)
    return {
        "stacktraces": [{"frames": frames[s : s + _FRAMES_A_STACK]} for s in starts],
        "modules": [
            {"type": "elf", "debug_id": debug_id, "image_addr": hex(_BASE)},
        ],
    }


def _debug_id(library: Path) -> str:
    return symbolizers.debug_id(library)


def _addresses(library: Path) -> list[int]:
    """Return addresses in the library's functions, no two alike, in no order."""
    table = subprocess.run(  # noqa: S603 -- our own words
        ["nm", "--size-sort", "--print-size", str(library)],  # noqa: S607 -- of binutils
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    chance = random.Random(7)  # noqa: S311 -- nothing secret
    functions = [
        (int(start, 16), int(size, 16))
        for start, size, kind, _ in map(str.split, table.splitlines())
        if kind in "tT"
    ]
    chosen: set[int] = set()
    while len(chosen) < _FRAMES:
        start, size = chance.choice(functions)
        chosen.add(start + chance.randrange(size))
    return chance.sample(sorted(chosen), _FRAMES)
