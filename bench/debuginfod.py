"""(k): requests of debuggers, compared with the server of elfutils on the same files."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from rich.console import Console
from tests.clients import elfutils
from tests.clients.debuggers import build_id_of
from tests.clients.depot import ORGANIZATION, PROJECT

from bench import load, processes, progress, samples
from bench.figures import Figure, Series
from bench.load import Load
from bench.processes import Stage

HITS_GOAL = 1.0
MISSES_GOAL = 0.8
_FILES = 40
_IDS_OF_NOTHING = 400
_SECONDS = 2
_TOKEN = ("token", "create", ORGANIZATION, "--project", PROJECT, "--url")
_THEIRS, _OURS, _WITH_TOKEN = "elfutils", "a public project", "a token in the path"


def measure(setting: Stage, times: int) -> Iterator[Figure]:
    """Ask for small files and for what nobody has, in turns with elfutils."""
    if lack := load.missing() or elfutils.missing():
        Console(stderr=True).print(f"Small downloads are not compared: {lack}.")
        return
    folder = setting.folder / "served"
    folder.mkdir()
    samples.make_some_more(folder, _FILES)
    there = [_path(build_id_of(file)) for file in folder.iterdir()]
    nowhere = [_path(secrets.token_hex(20)) for _ in range(_IDS_OF_NOTHING)]
    with ExitStack() as stack:
        depot = stack.enter_context(setting.depot())
        processes.upload(depot.client(setting.cli), folder, depot.process)
        depot.told("project", "set", f"{ORGANIZATION}/{PROJECT}", "--public")
        reference = stack.enter_context(elfutils.serving(folder, there))
        places = {
            _THEIRS: reference.url,
            _OURS: depot.url,
            _WITH_TOKEN: f"{depot.url}/s/{depot.told(*_TOKEN).strip()}",
        }
        for what, paths, goal in (
            ("small files", there, HITS_GOAL),
            ("misses", nowhere, MISSES_GOAL),
        ):
            loads = {
                who: Load(url, paths, are_there=paths is there)
                for who, url in places.items()
            }
            yield from _compared(what, goal, _served(what, loads, setting, times))


def _path(build_id: str) -> str:
    return f"/buildid/{build_id}/debuginfo"


def _served(
    what: str, loads: Mapping[str, Load], setting: Stage, times: int
) -> dict[str, Series]:
    """Return how many requests a second each of them served, time after time."""
    found: dict[str, list[float]] = {who: [] for who in loads}
    for _ in progress.of(f"serve {what}", range(times)):
        for who, asked in loads.items():
            served = asked.requests_per_second(_SECONDS, setting.folder)
            found[who].append(served)
    return {who: Series.of(values) for who, values in found.items()}


def _compared(what: str, goal: float, served: Mapping[str, Series]) -> Iterator[Figure]:
    theirs = served[_THEIRS]
    for who in (_OURS, _WITH_TOKEN):
        yield Figure(
            f"(k) {what} for {who}, against elfutils",
            served[who].median / theirs.median,
            "x",
            goal if who == _OURS else None,
            f"{served[who]} against {theirs} a second",
            more_is_better=True,
        )
