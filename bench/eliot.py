"""(j): Mozilla's symbolication API, the same request to this server and to Eliot.

Eliot is not to be had as a package, so somebody has to start it, with
`ELIOT_SYMBOLS_URLS` set to `SYMBOLS_URL`: there it finds the same symbol file.
"""

import functools
import http.client
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from tests.clients.depot import Depot

from bench import processes, progress
from bench.figures import Figure, Series
from bench.processes import Stage

RATIO_GOAL = 10.0
SYMBOLS_URL = "http://127.0.0.1:23099/"

_DEBUG_FILE = "bench.pdb"
_DEBUG_ID = "5E1F0000000000000000000000000BE21"
_FUNCTIONS = 40_000
_FUNCTION_BYTES = 64
_FIRST = 0x1000
_FRAMES = 10_000
_FRAMES_A_STACK = 100
_SMALL = 40
"""As many frames as fx-crash-sig sends of a stack."""
_SMALL_REQUESTS = 100
_SECONDS = 120
_OK = 200


@dataclass(frozen=True, slots=True)
class _Server:
    """Where v5 is answered."""

    url: str

    def asked(self, body: bytes) -> list[dict[str, object]]:
        """Return the results.

        Raises:
            RuntimeError: there are none.
        """
        url = urlsplit(self.url)
        line = http.client.HTTPConnection(url.netloc, timeout=_SECONDS)
        try:
            line.request("POST", f"{url.path.rstrip('/')}/symbolicate/v5", body)
            answer = line.getresponse()
            content = answer.read()
        finally:
            line.close()
        if answer.status != _OK:
            raise RuntimeError(f"{self.url}: {answer.status} {content[:500]!r}")
        results: list[dict[str, object]] = json.loads(content)["results"]
        return results

    def seconds(self, body: bytes, times: int) -> float:
        """Return how long one request takes, of so many."""
        began = time.perf_counter()
        for _ in range(times):
            self.asked(body)
        return (time.perf_counter() - began) / times


def measure(setting: Stage, turns: int, eliot_url: str) -> Iterator[Figure]:
    """Ask this server and, if there is one at `eliot_url`, Eliot the same."""
    folder = setting.folder / "eliot"
    symbols = _symbols(folder)
    unlimited = {**setting.settings, "symbolications_per_minute": 0}
    with replace(setting, settings=unlimited).depot() as depot:
        processes.upload(depot.client(setting.cli), symbols, depot.process)
        token = depot.told("token", "create", depot.wire.organization, "--url").strip()
        here = _Server(f"{depot.url}/s/{token}")
        _wait_until_ready(here)
        yield _rate(depot, here, turns)
        for frames, times in ((_FRAMES, 3), (_SMALL, _SMALL_REQUESTS)):
            body = _request(frames)
            rates = [
                1 / here.seconds(body, times)
                for _ in progress.of(f"v5, {frames} frames", range(turns))
            ]
            yield _per_second(frames, rates)
            if eliot_url:
                with _serving(folder):
                    yield _against(_Server(eliot_url), here, body, (times, rates))
    if not eliot_url:
        told = "Without Eliot: say where it answers with --eliot URL."
        Console(stderr=True).print(told)


def _rate(depot: Depot, here: _Server, turns: int) -> Figure:
    """Return how many frames this server tells with a second of CPU time."""
    body = _request(_FRAMES)
    before = processes.cpu_seconds(depot.process)
    here.seconds(body, 3 * turns)
    spent = processes.cpu_seconds(depot.process) - before
    what = f"(j) v5, {_FRAMES} frames in one request"
    return Figure(what, 3 * turns * _FRAMES / spent, "frames/s a core")


def _per_second(frames: int, rates: Sequence[float]) -> Figure:
    series = Series.of(rates)
    what = f"    requests of {frames} frames, one after the other"
    return Figure(what, series.median, "/s", made_of=str(series))


def _against(
    eliot: _Server, here: _Server, body: bytes, ours: tuple[int, Sequence[float]]
) -> Figure:
    """Compare with Eliot, once it has the symbols at hand and says the same.

    Raises:
        RuntimeError: it says something else.
    """
    if eliot.asked(body) != here.asked(body):
        raise RuntimeError("Eliot's answer is another one")
    times, rates = ours
    theirs = Series.of(1 / eliot.seconds(body, times) for _ in rates)
    return Figure(
        "    against Eliot, warm, with the same answer",
        Series.of(rates).median / theirs.median,
        "x as many",
        RATIO_GOAL,
        f"{theirs} /s",
        more_is_better=True,
    )


def _wait_until_ready(server: _Server) -> None:
    """Ask until the symcache is made."""
    give_up_at = time.monotonic() + _SECONDS
    while not _is_found(server.asked(_request(1))):
        if time.monotonic() > give_up_at:
            raise TimeoutError("its symcache is not made")


def _is_found(results: Sequence[dict[str, object]]) -> bool:
    return results[0]["found_modules"] == {f"{_DEBUG_FILE}/{_DEBUG_ID}": True}


def _symbols(folder: Path) -> Path:
    """Make a symbol file where clients of Breakpad's layout look for it."""
    path = folder / _DEBUG_FILE / _DEBUG_ID / "bench.sym"
    path.parent.mkdir(parents=True)
    records = [
        f"MODULE windows x86_64 {_DEBUG_ID} {_DEBUG_FILE}",
        "INFO CODE_ID 5AB380779000 bench.dll",
        *(f"FILE {n} src/file-{n}.cpp" for n in range(100)),
        *(f"INLINE_ORIGIN {n} depot::inlined_{n}(int)" for n in range(1000)),
        *(record for n in range(_FUNCTIONS) for record in _function(n)),
    ]
    path.write_text("\n".join(records) + "\n")
    return path


def _function(number: int) -> Iterator[str]:
    start = _FIRST + number * _FUNCTION_BYTES
    file, line = number % 100, number % 900 + 1
    yield f"FUNC {start:x} 40 0 depot::function_{number}(int, char const*)"
    yield f"INLINE 0 {line + 3} {file} {number % 1000} {start + 16:x} 10"
    yield f"{start:x} 10 {line} {file}"
    yield f"{start + 16:x} 10 {line + 50} {(number + 1) % 100}"
    yield f"{start + 32:x} 20 {line + 9} {file}"


def _request(frames: int) -> bytes:
    chance = random.Random(7)  # noqa: S311 -- nothing secret
    last = _FIRST + _FUNCTIONS * _FUNCTION_BYTES - 1
    asked = [[0, chance.randint(_FIRST, last)] for _ in range(frames)]
    starts = range(0, frames, _FRAMES_A_STACK)
    stacks = [asked[start : start + _FRAMES_A_STACK] for start in starts]
    job = {"memoryMap": [[_DEBUG_FILE, _DEBUG_ID]], "stacks": stacks}
    return json.dumps({"jobs": [job]}).encode()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@contextmanager
def _serving(folder: Path) -> Iterator[None]:
    """Serve `folder` at `SYMBOLS_URL`."""
    url = urlsplit(SYMBOLS_URL)
    handler = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer((url.hostname or "", url.port or 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
