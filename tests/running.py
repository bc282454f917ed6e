"""The real thing: `symdepot` in processes of its own, on data of its own."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
from django.db import connection

START_SECONDS = 60
SOURCES = Path(__file__).parents[1] / "src"


@dataclass(frozen=True, slots=True)
class Installation:
    """A data folder and a database that nobody else uses."""

    data_dir: Path
    database_url: str = ""
    settings: dict[str, object] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        """Return what runs `symdepot` with these arguments in this installation."""
        settings = {
            "DATA_DIR": self.data_dir,
            "DATABASE_URL": self.database_url,
            "LOG_FORMAT": "json",
            **self.settings,
        }
        pairs = [f"SYMDEPOT_{name}={value}" for name, value in settings.items()]
        python = [sys.executable, "-m", "symdepot"]
        return ["env", f"PYTHONPATH={SOURCES}", *pairs, *python, *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(  # noqa: S603 -- our own program
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )

    @contextmanager
    def serving(self, *arguments: str) -> Iterator["RunningServer"]:
        """Run a server until the end of the block, which may end it before."""
        port = free_port()
        log = self.data_dir.with_name(f"{self.data_dir.name}-{port}.log")
        with log.open("w") as errors:
            process = subprocess.Popen(  # noqa: S603 -- our own program
                self.command("serve", "--port", str(port), *arguments),
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
    """A server that has said where it is."""

    supervisor: psutil.Process
    process: subprocess.Popen[str]
    port: int
    log: Path
    greeting: str = ""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """Return the token that it printed, if this is its first start."""
        found = re.search(
            r"^export SENTRY_AUTH_TOKEN=(\S+)$", self.greeting, re.MULTILINE
        )
        return found[1] if found else ""

    def read_greeting(self) -> None:
        """Wait until it has said how to use it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.greeting += line
            if line.startswith(("sentry-cli ", "For a new token")):
                return
        raise AssertionError(f"it ended: {self.log.read_text()}")

    def status(self, path: str) -> int:
        """Return with which status it answers to a GET; 0 if it does not answer."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            line.request("GET", path)
            return line.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            line.close()

    def logged(self) -> list[dict[str, object]]:
        """Return what it has logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def listener(self) -> psutil.Process:
        """Return the process that starts those which answer."""
        return self._child("symdepot.server.listening")[0]

    def web_workers(self) -> list[psutil.Process]:
        """Return the processes that answer."""
        return [child for child in self.listener().children() if is_alive(child)]

    def workers(self) -> list[psutil.Process]:
        """Return the background workers."""
        return self._child("worker")

    def stop(self) -> int:
        """End it as an operator would, and return its status."""
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
def a_database_url() -> Iterator[str]:
    """Lend an empty database of the kind that this run of the tests is about."""
    if connection.vendor == "sqlite":
        yield ""
        return
    name = f"symdepot_{uuid4().hex[:12]}"
    settings = connection.settings_dict
    place = f"postgres://{settings['USER']}@{settings['HOST']}:{settings['PORT']}"
    with psycopg.connect(f"{place}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{place}/{name}"
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def eventually[T](answer: Callable[[], T], *, within_seconds: float = 20) -> T | None:
    """Return what `answer` gives as soon as it is true; else what it gave last.

    While what it looks at is coming or going, it gives None.
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
