"""(f): cost of creating a symcache, compared with symbolic alone."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests import environment

from bench import progress, samples
from bench.figures import Figure, Series

RATIO_GOAL = 1.15
_TIMES = 2
_MEGABYTE = 1_000_000
_SECONDS = 300


def measure(folder: Path, turns: int) -> Iterator[Figure]:
    """Make symcaches of one large file, alone and here in turns."""
    path = samples.library()
    size = f"{path.stat().st_size // _MEGABYTE} MB"
    for at_once, said in ((1, "one"), (2, "two at once")):
        alone, here = [], []
        for turn in progress.of(f"symcaches {said}", range(turns)):
            place = folder / f"symcaches-{at_once}-{turn}"
            alone += _seconds("alone", path, place / "alone", at_once)
            here += _seconds("here", path, place / "here", at_once)
        with_us, without = Series.of(here), Series.of(alone)
        yield Figure(
            f"(f) symcache of {size}, {said}, against symbolic alone",
            with_us.median / without.median,
            "x",
            RATIO_GOAL,
            f"{with_us} s against {without} s",
        )


def _seconds(mode: str, path: Path, folder: Path, at_once: int) -> list[float]:
    """Return how long each conversion took in so many processes that run together."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(_maker(mode, path, folder / str(number)))
            for number in range(at_once)
        ]
        for process in running:
            _expect(process, "ready\n")
        times: list[float] = []
        for process in running:
            _line(process, "go\n")
        for process in running:
            told, _ = process.communicate(timeout=_SECONDS)
            times += json.loads(told)
        return times


def _maker(mode: str, path: Path, folder: Path) -> "subprocess.Popen[str]":
    folder.mkdir(parents=True)
    return subprocess.Popen(  # noqa: S603 -- our own module
        [sys.executable, "-m", "bench.symcache_process", mode, str(_TIMES), str(path)],
        cwd=environment.PROJECT,
        env={
            **environment.inherited(),
            "SYMDEPOT_DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "symdepot.server.settings",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Where the kernel weighs sessions, each is weighed for itself.
        start_new_session=True,
    )


def _expect(process: "subprocess.Popen[str]", line: str) -> None:
    if process.stdout is None or process.stdout.readline() != line:
        raise ChildProcessError("it ended before it was ready")


def _line(process: "subprocess.Popen[str]", line: str) -> None:
    if process.stdin is not None:
        process.stdin.write(line)
        process.stdin.flush()
