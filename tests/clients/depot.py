"""A server that really runs: the command that people type, with data of its own."""

import http.client
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
from tests import environment
from tests.clients import databases
from tests.clients.databases import Database
from tests.clients.sentry_cli import SentryCli
from tests.clients.wire import Wire

ORGANIZATION = PROJECT = "default"
"""What the first start founds."""

_SCOPES = ("project:read", "project:releases", "project:write", "org:ci")
_START_SECONDS = 120
_STOP_SECONDS = 30
_CLI_SECONDS = 60
_TAIL_LINES = 40
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_RUNNING: list["Depot"] = []


@dataclass(frozen=True, slots=True)
class Depot:
    """A running server, and all that a client needs to know of it."""

    process: psutil.Popen
    environment: Mapping[str, str]
    folder: Path
    database: Database
    wire: Wire

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.wire.url

    @property
    def blobs(self) -> Path:
        """Where its bytes lie."""
        return self.folder / "blobs"

    @property
    def log(self) -> str:
        """All that its processes have said."""
        return _ESCAPES.sub("", (self.folder / "log").read_text(errors="replace"))

    def client(self, cli: SentryCli) -> SentryCli:
        """Return `cli`, configured to speak to this server."""
        return cli.configured(
            SENTRY_URL=self.environment.get("SYMDEPOT_PUBLIC_URL", self.url),
            SENTRY_ORG=self.wire.organization,
            SENTRY_PROJECT=self.wire.project,
            SENTRY_AUTH_TOKEN=self.wire.token,
        )

    def answers(self) -> bool:
        """Say whether it answers at all."""
        try:
            return self.wire.ask("GET", "/health/live").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def told(self, *arguments: str) -> str:
        """Run `symdepot` with these arguments, and return what it prints."""
        return _symdepot(self.environment, *arguments)

    def of_project(self, slug: str) -> Wire:
        """Make another project and return who may speak about it."""
        self.told("project", "create", f"{self.wire.organization}/{slug}")
        return replace(self.wire, project=slug)

    @contextmanager
    def one_more_worker(self) -> Iterator[psutil.Process]:
        """Run a worker beside those that the server has."""
        with _started(self.environment, self.folder / "worker.log", "worker") as it:
            yield it

    def offspring(self) -> list[psutil.Process]:
        """Return all processes that the server started, and those started."""
        return [p for p in self.process.children(recursive=True) if _lives(p)]

    def workers(self) -> list[psutil.Process]:
        """Return those that do the work behind the requests."""
        return [p for p in self.offspring() if "worker" in _words(p)]

    def workers_at_work(self) -> list[psutil.Process]:
        """Return the workers that have come far enough to have a sandbox."""
        return [p for p in self.workers() if _children(p)]

    def listening(self) -> list[psutil.Process]:
        """Return the one that listens and has others answer, if it runs."""
        return [
            p
            for p in self.offspring()
            if "symdepot.server.web_process" in _words(p)
            and _parent(p) == self.process.pid
        ]

    def web_processes(self) -> list[psutil.Process]:
        """Return those that answer requests."""
        return [
            answering
            for listening in self.listening()
            for answering in _children(listening)
            if not any("resource_tracker" in word for word in _words(answering))
        ]


def tails() -> Iterator[tuple[str, str]]:
    """Yield, of each running server, where it answers and what it said last."""
    for depot in _RUNNING:
        yield depot.url, "\n".join(depot.log.splitlines()[-_TAIL_LINES:])


@contextmanager
def running(
    settings: Mapping[str, object] | None = None, faults: Path | None = None
) -> Iterator[Depot]:
    """Run a server with these settings, on an empty database.

    `faults` is a folder whose `sitecustomize.py` every process of it loads.
    """
    with (
        tempfile.TemporaryDirectory(prefix="depot-") as name,
        databases.fresh(Path(name)) as database,
    ):
        folder, port = Path(name), environment.free_port()
        path = [str(environment.SOURCES), *([str(faults)] if faults else [])]
        variables = {
            **environment.inherited(),
            "PYTHONPATH": ":".join(path),
            "SYMDEPOT_DATA_DIR": str(folder),
            "SYMDEPOT_DATABASE_URL": database.url,
            "SYMDEPOT_PORT": str(port),
            "SYMDEPOT_LOG_FORMAT": "text",
            **{f"SYMDEPOT_{k.upper()}": str(v) for k, v in (settings or {}).items()},
        }
        with _started(variables, folder / "log") as process:
            url = f"http://127.0.0.1:{port}"
            nobody = Wire(url, "", ORGANIZATION, PROJECT)
            depot = Depot(process, variables, folder, database, nobody)
            _RUNNING.append(depot)
            try:
                _wait_until_ready(depot)
                token = _symdepot(variables, *_TOKEN_CREATE).strip()
                known = replace(depot, wire=replace(nobody, token=token))
                _RUNNING[_RUNNING.index(depot)] = depot = known
                yield depot
                _stop(depot)
            finally:
                _RUNNING.remove(depot)


_TOKEN_CREATE = (
    *("token", "create", ORGANIZATION, "--label", "tests"),
    *(word for scope in _SCOPES for word in ("--scope", scope)),
)


@contextmanager
def _started(
    environment: Mapping[str, str], log: Path, command: str = "serve"
) -> Iterator[psutil.Popen]:
    """Lend the process; whatever happens, nothing of it is left."""
    # Should the tests be killed, the server goes with them.
    tied = [setpriv, "--pdeathsig", "KILL"] if (setpriv := _setpriv()) else []
    with log.open("wb") as said:
        process = psutil.Popen(
            [*tied, sys.executable, "-m", "symdepot", command],
            cwd=log.parent,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            left = process.children(recursive=True)
            process.kill()
            for one in left:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        process.wait()


def _setpriv() -> str | None:
    return shutil.which("setpriv") if sys.platform == "linux" else None


def _wait_until_ready(depot: Depot) -> None:
    give_up_at = time.monotonic() + _START_SECONDS
    while depot.process.poll() is None and time.monotonic() < give_up_at:
        # What it says last is said after the database is in order.
        if "symdepot is running" in depot.log and depot.answers():
            return
        time.sleep(0.05)
    pytest.fail(f"the server did not start:\n{depot.log[-4000:]}")


def _stop(depot: Depot) -> None:
    """Stop it as an operator does, and see that nothing of it runs on."""
    started = [depot.process, *depot.offspring()]
    depot.process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(started, timeout=_STOP_SECONDS)
    if alive:
        pytest.fail(f"still running {_STOP_SECONDS} s after SIGTERM: {alive}")


def _symdepot(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "symdepot", *arguments],
        cwd=environment["SYMDEPOT_DATA_DIR"],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=_CLI_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return process.cmdline()
    return []


def _parent(process: psutil.Process) -> int | None:
    with suppress(psutil.NoSuchProcess):
        return process.ppid()
    return None


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [p for p in process.children() if _lives(p)]
    return []
