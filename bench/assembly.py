"""(c): time from the last chunk of a large file until it is assembled."""

import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

from tests.clients import wire
from tests.clients.wire import Wire

from bench import processes, progress
from bench.figures import Figure, Series
from bench.processes import Stage
from bench.samples import Samples

GOAL_SECONDS = 0.4
_GIVE_UP_SECONDS = 60.0


def measure(setting: Stage, samples: Samples, times: int) -> Iterator[Figure]:
    """Upload one large file by hand and another with the client, to either server."""
    by_hand, by_client = samples.large
    after: list[float] = []
    hashing: list[float] = []
    kept: list[float] = []
    dropped: list[float] = []
    for _ in progress.of("finish", range(times)):
        with setting.depot() as depot:
            options = depot.wire.options()
            os.sync()
            after.append(_seconds_after_last_chunk(depot.wire, by_hand))
            hashing.append(_seconds_to_hash(by_hand))
            client = depot.client(setting.cli)
            os.sync()
            run = processes.upload(client, by_client, depot.process)
            kept.append(run.wall_seconds)
        with processes.discarding(options) as server:
            client = server.client(setting.cli, "fresh")
            run = processes.upload(client, by_client, server.process)
            dropped.append(run.wall_seconds)
    yield _beyond(Series.of(after), Series.of(hashing))
    yield _whole(Series.of(kept), Series.of(dropped))


def _beyond(after: Series, hashing: Series) -> Figure:
    return Figure(
        "(c) from the last chunk of a large file to its ok",
        after.median - hashing.median,
        "s beyond its SHA-1",
        GOAL_SECONDS,
        f"{after} s, less {hashing} s",
    )


def _whole(wall: Series, alone: Series) -> Figure:
    return Figure(
        "    its whole upload",
        wall.median / alone.median,
        "x the client alone",
        made_of=f"{wall} s against {alone} s",
    )


def _seconds_after_last_chunk(server: Wire, path: Path) -> float:
    """Send a file as the client does, and return how long its `ok` takes after that.

    Raises:
        RuntimeError: it does not come.
    """
    options = server.options()
    content = path.read_bytes()
    checksum = wire.sha1(content)
    offer = wire.described(content, name=path.name, chunk_size=options["chunkSize"])
    server.assemble({checksum: offer})
    pieces = wire.pieces(content, options["chunkSize"])
    with ThreadPoolExecutor(options["concurrency"]) as pool:
        answers = list(pool.map(server.send, pieces))
    ended_at = time.perf_counter()
    if any(answer.status != HTTPStatus.OK for answer in answers):
        raise RuntimeError(f"chunks were refused: {answers}")
    while (waited := time.perf_counter() - ended_at) < _GIVE_UP_SECONDS:
        told = server.assemble({checksum: offer})[checksum]
        if told["state"] == "ok":
            return time.perf_counter() - ended_at
    raise RuntimeError(f"not ok after {waited:.0f} s: {told}")


def _seconds_to_hash(path: Path) -> float:
    content = path.read_bytes()
    started_at = time.perf_counter()
    hashlib.sha1(content, usedforsecurity=False).digest()
    return time.perf_counter() - started_at
