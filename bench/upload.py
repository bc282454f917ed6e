"""(a) and (b): duration of an upload, and its cost for the server."""

import os
from collections.abc import Iterator

from bench import processes, progress
from bench.figures import Figure, Series
from bench.processes import Run, Stage
from bench.samples import Samples

RATIO_GOAL = 1.25
CPU_GOAL_SECONDS_PER_GB = 2.0
_GB = 1e9
_MB = 1e6


def measure(setting: Stage, samples: Samples, times: int) -> Iterator[Figure]:
    """Upload all samples, so many times to each server, in turns.

    Once while symcaches are made of what has come, as it is in life, and once without:
    what the making of them costs is not the upload's.
    """
    kept: list[Run] = []
    beside: list[Run] = []
    dropped: list[Run] = []
    for _ in progress.of("upload", range(times)):
        for runs, symcaches in ((kept, False), (beside, True)):
            with setting.depot(symcaches=symcaches) as depot:
                options = depot.wire.options()
                client = depot.client(setting.cli)
                os.sync()  # so that no run pays for what another wrote
                runs.append(processes.upload(client, samples.folder, depot.process))
        with processes.discarding(options) as server:
            client = server.client(setting.cli, "fresh")
            os.sync()
            dropped.append(processes.upload(client, samples.folder, server.process))
    what = f"{samples.files} files, {samples.size_bytes / _MB:.0f} MB"
    yield _wall(f"(a) upload of {what}", kept, dropped)
    yield _wall("    while symcaches are made", beside, dropped)
    yield _cpu(kept, dropped, samples)


def _wall(what: str, kept: list[Run], dropped: list[Run]) -> Figure:
    wall = Series.of(run.wall_seconds for run in kept)
    alone = Series.of(run.wall_seconds for run in dropped)
    return Figure(
        what,
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
