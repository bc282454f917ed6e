"""(a) and (b): how long an upload takes, and what it costs the server."""

import os
from collections.abc import Iterator

from bench import rounds, stage
from bench.figures import Figure, Series
from bench.samples import Samples
from bench.stage import Run, Stage

RATIO_GOAL = 1.25
CPU_GOAL_SECONDS_PER_GB = 2.0
_GB = 1e9
_MB = 1e6


def measure(setting: Stage, samples: Samples, times: int) -> Iterator[Figure]:
    """Upload all samples, so many times to either server, in turns."""
    kept: list[Run] = []
    dropped: list[Run] = []
    for _ in rounds.of("upload", range(times)):
        with setting.depot() as depot:
            options = depot.wire.options()
            client = depot.client(setting.cli)
            os.sync()  # so that no run pays for what another wrote
            kept.append(stage.upload(client, samples.folder, depot.process))
        with stage.discarding(options) as server:
            client = server.client(setting.cli, "fresh")
            os.sync()
            dropped.append(stage.upload(client, samples.folder, server.process))
    yield _wall(kept, dropped, samples)
    yield _cpu(kept, dropped, samples)


def _wall(kept: list[Run], dropped: list[Run], samples: Samples) -> Figure:
    wall = Series.of(run.wall_seconds for run in kept)
    alone = Series.of(run.wall_seconds for run in dropped)
    return Figure(
        f"(a) upload of {samples.files} files, {samples.size_bytes / _MB:.0f} MB",
        wall.median / alone.median,
        "x the client alone",
        RATIO_GOAL,
        f"{wall} s against {alone} s",
    )


def _cpu(kept: list[Run], dropped: list[Run], samples: Samples) -> Figure:
    gigabytes = samples.size_bytes / _GB
    cpu = Series.of(run.server_cpu_seconds / gigabytes for run in kept)
    alone = Series.of(run.client_cpu_seconds / gigabytes for run in dropped)
    return Figure(
        "(b) CPU time of the server for it",
        cpu.median,
        "s per GB",
        CPU_GOAL_SECONDS_PER_GB,
        f"{cpu}; the client's own: {alone}",
    )
