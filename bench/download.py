"""(l): cost of sending a large file, compared with nginx, and of compressing it."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from tests.clients import nginx
from tests.clients.debuggers import build_id_of
from tests.clients.depot import ORGANIZATION, PROJECT, Depot

from bench import processes, progress
from bench.figures import Figure, Series
from bench.processes import Stage
from bench.samples import Samples

AGAINST_NGINX = 0.85
_TIMES_A_ROUND = 8
_CURL_SECONDS = 300
_CODINGS = ("identity", "zstd", "gzip")


@dataclass(frozen=True, slots=True)
class _Sent:
    """What came of some downloads of one file; `size_bytes` is of one, on the wire."""

    seconds: float
    size_bytes: int
    server_cpu_seconds: float = 0.0


def measure(setting: Stage, samples: Samples, times: int) -> Iterator[Figure]:
    """Download the largest file again and again, in turns with nginx."""
    if lack := [name for name in ("nginx", "curl") if shutil.which(name) is None]:
        Console(stderr=True).print(f"Downloads are not measured without {lack[0]}.")
        return
    file = samples.large[0]
    folder = setting.folder / "nginx"
    folder.mkdir()
    compressing = {**setting.settings, "download_compression": "always"}
    with (
        replace(setting, settings=compressing).depot(symcaches=False) as depot,
        nginx.alone(samples.folder, folder) as theirs,
    ):
        processes.upload(depot.client(setting.cli), file, depot.process)
        depot.told("project", "set", f"{ORGANIZATION}/{PROJECT}", "--public")
        ours = f"{depot.url}/buildid/{build_id_of(file)}/executable"
        by_nginx: list[_Sent] = []
        by_us: dict[str, list[_Sent]] = {coding: [] for coding in _CODINGS}
        for _ in progress.of("download", range(times)):
            by_nginx.append(_downloaded(f"{theirs}/{file.name}", "identity"))
            for coding in _CODINGS:
                by_us[coding].append(_of_depot(depot, ours, coding))
        yield from _figures(file, by_nginx, by_us)


def _figures(
    file: Path, by_nginx: Sequence[_Sent], by_us: dict[str, list[_Sent]]
) -> Iterator[Figure]:
    size = file.stat().st_size
    whole = size * _TIMES_A_ROUND / 1e6
    theirs = Series.of(whole / one.seconds for one in by_nginx)
    speed = {
        coding: Series.of(whole / one.seconds for one in sent)
        for coding, sent in by_us.items()
    }
    yield Figure(
        f"(l) {size / 1e6:.0f} MB, as they are, against nginx",
        speed["identity"].median / theirs.median,
        "x",
        AGAINST_NGINX,
        f"{speed['identity']} against {theirs} MB/s",
        more_is_better=True,
    )
    for coding, sent in by_us.items():
        cpu = Series.of(one.server_cpu_seconds / whole * 1000 for one in sent)
        yield Figure(
            f"(l) {coding}: MB of the file a second",
            speed[coding].median,
            "MB/s",
            made_of=f"{speed[coding]}; on the wire 1/{size / sent[0].size_bytes:.2f}",
        )
        yield Figure(f"(l) {coding}: server CPU", cpu.median, "s/GB", made_of=str(cpu))


def _of_depot(depot: Depot, url: str, coding: str) -> _Sent:
    before = processes.cpu_seconds(depot.process)
    sent = _downloaded(url, coding)
    return replace(
        sent, server_cpu_seconds=processes.cpu_seconds(depot.process) - before
    )


def _downloaded(url: str, coding: str) -> _Sent:
    """Download a file some times on one connection, and drop it."""
    done = subprocess.run(  # noqa: S603 -- our own words
        [
            *(shutil.which("curl") or "curl", "--silent", "--fail", "--output"),
            *("/dev/null", "--header", f"Accept-Encoding: {coding}"),
            *("--write-out", "%{stderr}%{json}\\n", f"{url}?[1-{_TIMES_A_ROUND}]"),
        ],
        capture_output=True,
        check=True,
        text=True,
        timeout=_CURL_SECONDS,
    )
    told = [json.loads(line) for line in done.stderr.splitlines()]
    return _Sent(sum(one["time_total"] for one in told), told[0]["size_download"])
