"""(d): the same upload once more, when everything is there."""

from collections.abc import Iterator

from bench import rounds, stage
from bench.figures import Figure, Series
from bench.samples import Samples
from bench.stage import Stage

GOAL = 1.1


def measure(setting: Stage, samples: Samples, times: int) -> Iterator[Figure]:
    """Upload all samples, then again so many times, in turns with an empty answer."""
    kept: list[float] = []
    alone: list[float] = []
    with setting.depot() as depot:
        client = depot.client(setting.cli)
        stage.upload(client, samples.folder, depot.process)
        with stage.discarding(depot.wire.options()) as server:
            knowing = server.client(setting.cli, "known")
            for _ in rounds.of("repeat", range(times)):
                run = stage.upload(client, samples.folder, depot.process)
                kept.append(run.wall_seconds)
                run = stage.upload(knowing, samples.folder, server.process)
                alone.append(run.wall_seconds)
    wall, own = Series.of(kept), Series.of(alone)
    yield Figure(
        "(d) the same upload again",
        wall.median / own.median,
        "x the client alone",
        GOAL,
        f"{wall} s against {own} s",
    )
