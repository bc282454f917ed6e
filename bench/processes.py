"""The measured processes: client, server, and the server that discards uploads."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests import environment
from tests.clients import depot, sentry_cli
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli

from bench import samples

_STOP_SECONDS = 10
_WARM_UPS = 20
"""Enough files for every worker to get some."""
_SETTINGS = {"log_level": "WARNING"}


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the client cost, in seconds."""

    wall_seconds: float
    client_cpu_seconds: float
    server_cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything is measured: a client, and a folder on the disk to be measured."""

    cli: SentryCli
    folder: Path
    settings: Mapping[str, object]

    @contextmanager
    def depot(self, *, symcaches: bool = True) -> Iterator[Depot]:
        """Run a server on empty data, warm: each of its processes has worked once."""
        settings = {**_SETTINGS, "symcaches": symcaches, **self.settings}
        with depot.running(settings) as running:
            folder = self.folder / "warm-up"
            if not folder.exists():
                folder.mkdir()
                samples.make_some_more(folder, _WARM_UPS)
            upload(running.client(self.cli), folder, running.process)
            yield running


@contextmanager
def stage(
    version: str, folder: Path, settings: Mapping[str, object]
) -> Iterator[Stage]:
    """Set up a stage; `settings` are the server's."""
    folder.mkdir(parents=True, exist_ok=True)
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(dir=folder) as own:
        # Where the server's data goes, too: /tmp may be memory, which syncs for free.
        tempfile.tempdir = own
        home = Path(own, "home")
        home.mkdir()
        try:
            program = sentry_cli.fetched(version)
            yield Stage(SentryCli(version, program, home), Path(own), settings)
        finally:
            tempfile.tempdir = before


@dataclass(frozen=True, slots=True)
class Discarding:
    """A running server that discards."""

    process: psutil.Popen
    url: str

    def client(self, cli: SentryCli, project: str) -> SentryCli:
        """Return `cli`, configured to speak to it about `project`."""
        return cli.configured(
            SENTRY_URL=self.url,
            SENTRY_ORG="default",
            SENTRY_PROJECT=project,
            SENTRY_AUTH_TOKEN="0" * 64,
        )


@contextmanager
def discarding(options: Mapping[str, object]) -> Iterator[Discarding]:
    """Run a server that discards, and answers about chunks with `options`."""
    process = psutil.Popen(
        [sys.executable, "-m", "bench.discarding_server"],
        cwd=environment.PROJECT,
        env=environment.inherited(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        process.stdin.write(json.dumps(options) + "\n")
        process.stdin.flush()
        port = int(process.stdout.readline())
        yield Discarding(process, f"http://127.0.0.1:{port}")
    finally:
        process.stdin.close()
        process.wait(_STOP_SECONDS)
        process.stdout.close()


def upload(client: SentryCli, what: Path, server: psutil.Popen) -> Run:
    """Upload a folder or file and wait until the server has it all.

    Raises:
        RuntimeError: the client says that something went wrong.
    """
    before, own_before = cpu_seconds(server), _cpu_seconds_of_ended()
    started_at = time.perf_counter()
    ended = client.upload("--wait", what)
    wall_seconds = time.perf_counter() - started_at
    if ended.exit_code != 0:
        raise RuntimeError(f"sentry-cli: {ended.stdout}{ended.stderr}")
    return Run(
        wall_seconds,
        _cpu_seconds_of_ended() - own_before,
        cpu_seconds(server) - before,
    )


def cpu_seconds(server: psutil.Popen) -> float:
    """Return the CPU time of a process and all that it started, ended or not."""
    total = 0.0
    for process in (server, *server.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def _cpu_seconds_of_ended() -> float:
    """Return the CPU time of all processes that this one has started and seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
