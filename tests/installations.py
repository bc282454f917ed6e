"""Runs `symdepot` in its own processes, on its own data."""

import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from tests import environment
from tests.clients import databases

START_SECONDS = 60
# Kill what the tests started if they are killed.
TIED = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
SYMDEPOT = [sys.executable, "-m", "symdepot"]


@dataclass(frozen=True, slots=True)
class Installation:
    """A data folder and a database of its own."""

    data_dir: Path
    database_url: str = ""
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The settings, and the environment of the tests without theirs."""
        settings = {
            "DATA_DIR": self.data_dir,
            "DATABASE_URL": self.database_url,
            "LOG_FORMAT": "json",
            **self.settings,
        }
        return {
            **environment.inherited(),
            "PYTHONPATH": str(environment.SOURCES),
            **{f"SYMDEPOT_{name}": str(value) for name, value in settings.items()},
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(  # noqa: S603 -- our own program
            [*SYMDEPOT, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )

    @contextmanager
    def serving(self, *arguments: str) -> Iterator["RunningServer"]:
        """Run a server until the end of the block, which may end it before."""
        port = environment.free_port()
        log = self.data_dir.with_name(f"{self.data_dir.name}-{port}.log")
        with log.open("w") as errors:
            process = subprocess.Popen(  # noqa: S603 -- our own program
                [*TIED, *SYMDEPOT, "serve", "--port", str(port), *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        server = RunningServer(psutil.Process(process.pid), process, port, log)
        try:
            server.read_greeting()
            yield server
        finally:
            server.stop()


@dataclass(slots=True)
class RunningServer:
    """A server that has printed its address."""

    supervisor: psutil.Process
    process: subprocess.Popen[str]
    port: int
    log: Path
    greeting: str = ""

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The token that it printed at its first start, else empty."""
        found = re.search(
            r"^export SENTRY_AUTH_TOKEN=(\S+)$", self.greeting, re.MULTILINE
        )
        return found[1] if found else ""

    def read_greeting(self) -> None:
        """Wait until it has printed how to use it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.greeting += line
            if line.startswith(("sentry-cli ", "For a new token")):
                return
        raise AssertionError(f"it ended: {self.log.read_text()}")

    def status(self, path: str) -> int:
        """Return the status of a GET; 0 without an answer."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            line.request("GET", path)
            return line.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            line.close()

    def logged(self) -> list[dict[str, object]]:
        """Return its log entries so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def listener(self) -> psutil.Process:
        """Return the parent of the web workers."""
        return self._child("symdepot.server.web_process")[0]

    def web_workers(self) -> list[psutil.Process]:
        """Return the processes that answer requests."""
        return [child for child in self.listener().children() if is_alive(child)]

    def workers(self) -> list[psutil.Process]:
        """Return the background workers."""
        return self._child("worker")

    def stop(self) -> int:
        """Stop it with SIGTERM and return its exit status."""
        with suppress(psutil.NoSuchProcess):
            self.supervisor.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        finally:
            self.process.kill()
            if self.process.stdout:
                self.process.stdout.close()

    def _child(self, word: str) -> list[psutil.Process]:
        return [
            child
            for child in self.supervisor.children()
            if is_alive(child) and word in child.cmdline()
        ]


@contextmanager
def an_installation(folder: Path) -> Iterator[Installation]:
    """Create one in `folder`, with the database under test."""
    with databases.fresh(folder) as database:
        yield Installation(folder / "data", database.url)


def eventually[T](answer: Callable[[], T], *, within_seconds: float = 20) -> T | None:
    """Return the result of `answer` as soon as it is true, else the last one.

    A process that is just starting or ending counts as None.
    """
    until = time.monotonic() + within_seconds
    while True:
        try:
            given = answer()
        except (psutil.NoSuchProcess, IndexError):
            given = None
        if given or time.monotonic() > until:
            return given
        time.sleep(0.05)


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
