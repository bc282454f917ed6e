"""The command line: `python -m bench [NAMES]`."""

import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from tests import environment
from tests.clients.sentry_cli import NEWEST

from bench import (
    assembly,
    debuginfod,
    download,
    eliot,
    figures,
    missing_chunks,
    processes,
    repeated_upload,
    samples,
    symbolication,
    symcaches,
    upload,
)
from bench.figures import Figure
from bench.processes import Stage
from bench.samples import Samples

_SCRATCH = environment.PROJECT / ".cache" / "bench"


class Name(StrEnum):
    """What can be measured on its own."""

    UPLOAD = "upload"
    FINISH = "finish"
    REPEAT = "repeat"
    ASK = "ask"
    SYMCACHE = "symcache"
    SYMBOLICATE = "symbolicate"
    ELIOT = "eliot"
    SERVE = "serve"
    DOWNLOAD = "download"


_OF_SAMPLES: dict[Name, Callable[[Stage, Samples, int], Iterator[Figure]]] = {
    Name.UPLOAD: upload.measure,
    Name.FINISH: assembly.measure,
    Name.REPEAT: repeated_upload.measure,
    Name.DOWNLOAD: download.measure,
}


def main(  # noqa: PLR0913 -- each is an option
    names: Annotated[
        list[Name] | None, typer.Argument(help="What to measure; all by default.")
    ] = None,
    *,
    rounds: Annotated[
        int, typer.Option(help="How often to upload, convert or ask.", min=1, max=20)
    ] = 5,
    json: Annotated[
        Path | None, typer.Option(help="Write the figures to this file, too.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A setting of the server, as in CHUNK_SIZE=8388608; can be repeated.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    postgres: Annotated[
        str, typer.Option(help="A server to make databases on and drop them.")
    ] = missing_chunks.POSTGRES,
    eliot_url: Annotated[
        str,
        typer.Option(
            "--eliot",
            help="Where an Eliot answers that finds its symbols at "
            f"{eliot.SYMBOLS_URL}; without, there is no comparison with it.",
            metavar="URL",
        ),
    ] = "",
    scratch: Annotated[
        Path, typer.Option(help="A folder on the disk that is to be measured.")
    ] = _SCRATCH,
) -> None:
    """Measure how the server compares with what was aimed at.

    Everything runs on this machine, on data made for it, and is gone afterwards.
    """
    console = Console()
    started_at = time.monotonic()
    chosen = dict(setting.split("=", 1) for setting in settings or ())
    with processes.stage(NEWEST, scratch, chosen) as setting:
        found = [
            figure
            for name in names or list(Name)
            for figure in _measured(name, setting, rounds, (postgres, eliot_url))
        ]
    figures.show(found, console)
    console.print(f"Took {time.monotonic() - started_at:.0f} s.")
    if json:
        figures.write(found, json)


def _measured(
    name: Name, setting: Stage, rounds: int, others: tuple[str, str]
) -> Iterator[Figure]:
    postgres, eliot_url = others
    match name:
        case Name.ASK:
            found = missing_chunks.measure(setting.folder, postgres)
        case Name.SYMCACHE:
            found = symcaches.measure(setting.folder, rounds)
        case Name.SYMBOLICATE:
            found = symbolication.measure(setting, rounds)
        case Name.ELIOT:
            found = eliot.measure(setting, rounds, eliot_url)
        case Name.SERVE:
            found = debuginfod.measure(setting, rounds)
        case _:
            measure = _OF_SAMPLES[name]
            found = measure(setting, _samples(setting), rounds)
    yield from found


def _samples(setting: Stage) -> Samples:
    """Make the samples, or return them if they were made before."""
    folder = setting.folder / "samples"
    if not folder.exists():
        folder.mkdir()
        return samples.made(folder)
    return samples.found(folder)


if __name__ == "__main__":
    typer.run(main)
