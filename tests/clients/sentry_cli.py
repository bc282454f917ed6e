"""The real clients: sentry-cli, in the versions that people have."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.clients import fetching

VERSIONS = ("3.8.2", "2.58.6", "2.21.2", "2.14.2")
NEWEST = VERSIONS[0]
OLDEST_AND_NEWEST = (NEWEST, VERSIONS[-1])
"""One that sends chunks only, and one that knows all the older ways."""

_ABOUT_FILES = "> File processing complete:"
_RUN_SECONDS = 200


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run of the client ended, and all that it said."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """What it printed for people, less empty lines and indentation.

        Files come in any order, so the lines about them are sorted.
        """
        lines = [line.strip() for line in self.stdout.splitlines() if line.strip()]
        if _ABOUT_FILES not in lines:
            return lines
        first = lines.index(_ABOUT_FILES) + 1
        return lines[:first] + sorted(lines[first:])

    @property
    def reported(self) -> str:
        """What it printed on standard error, as one text."""
        return " ".join(self.stderr.split())


@dataclass(frozen=True, slots=True)
class Checked:
    """What the client itself makes of a debug file."""

    debug_id: str
    arch: str
    kind: str


@dataclass(frozen=True, slots=True)
class SentryCli:
    """One version of the client; `settings` are environment variables of its own."""

    version: str
    program: Path
    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.version

    @property
    def number(self) -> tuple[int, ...]:
        """The version, to compare."""
        return tuple(int(part) for part in self.version.split("."))

    def configured(self, **settings: str) -> "SentryCli":
        """Return the same client with these settings, and none besides."""
        return SentryCli(self.version, self.program, self.home, settings)

    def started(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start it. Nothing of the machine's own configuration reaches it."""
        return subprocess.Popen(  # noqa: S603 -- a client whose hash is locked
            [self.program, *arguments],
            cwd=self.home,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.home),
                "SENTRY_INTEGRATION_TEST": "1",
                "SENTRY_DISABLE_UPDATE_CHECK": "1",
                "SENTRY_LOAD_DOTENV": "0",
                **self.settings,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str | Path) -> RunResult:
        """Run it to its end."""
        return wait(self.started(*arguments))

    def upload(self, *arguments: str | Path) -> RunResult:
        """Upload debug files."""
        return self.run("debug-files", "upload", *arguments)

    def check(self, path: Path) -> Checked:
        """Ask it what it makes of a file that holds one object."""
        told = self.run("debug-files", "check", path).stdout
        kind = next(line.split()[-1] for line in told.splitlines() if "Type: " in line)
        described = json.loads(self.run("debug-files", "check", "--json", path).stdout)
        (variant,) = described["variants"]
        return Checked(variant["debug_id"], variant["arch"], kind)


def wait(process: subprocess.Popen[str]) -> RunResult:
    """Wait for a client that was started."""
    with process:
        try:
            stdout, stderr = process.communicate(timeout=_RUN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return RunResult(process.returncode, stdout, stderr)


def fetched(version: str) -> Path:
    """Return the program, fetched once; skip if it is not to be had."""
    return fetching.fetched("sentry-cli", version) / "bin" / "sentry-cli"
