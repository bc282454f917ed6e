"""(d): the same upload again, when the server has everything."""

from collections.abc import Iterator

from bench import processes, progress
from bench.figures import Figure, Series
from bench.processes import Stage
from bench.samples import Samples

GOAL = 1.1


def measure(setting: Stage, samples: Samples, times: int) -> Iterator[Figure]:
    """Upload all samples, then again so many times, in turns with an empty answer."""
    kept: list[float] = []
    alone: list[float] = []
    with setting.depot() as depot:
        client = depot.client(setting.cli)
        processes.upload(client, samples.folder, depot.process)
        with processes.discarding(depot.wire.options()) as server:
            knowing = server.client(setting.cli, "known")
            for _ in progress.of("repeat", range(times)):
                run = processes.upload(client, samples.folder, depot.process)
                kept.append(run.wall_seconds)
                run = processes.upload(knowing, samples.folder, server.process)
                alone.append(run.wall_seconds)
    wall, own = Series.of(kept), Series.of(alone)
    yield Figure(
        "(d) the same upload again",
        wall.median / own.median,
        "x the client alone",
        GOAL,
        f"{wall} s against {own} s",
    )
