"""The real clients: sentry-cli, in the versions that people have."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tests.clients import surroundings

VERSIONS = ("3.8.2", "2.58.6", "2.21.2", "2.14.2")
NEWEST = VERSIONS[0]
ENDS = (NEWEST, VERSIONS[-1])
"""One that sends chunks only, and one that knows all the older ways."""

_LOCKS = Path(__file__).parent / "locks"
_CACHE = surroundings.PROJECT / ".cache" / "sentry-cli"
_ABOUT_FILES = "> File processing complete:"
_FETCH_SECONDS = 300
_RUN_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Ended:
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

    def run(self, *arguments: str | Path) -> Ended:
        """Run it to its end."""
        return ended(self.started(*arguments))

    def upload(self, *arguments: str | Path) -> Ended:
        """Upload debug files."""
        return self.run("debug-files", "upload", *arguments)

    def check(self, path: Path) -> Checked:
        """Ask it what it makes of a file that holds one object."""
        told = self.run("debug-files", "check", path).stdout
        kind = next(line.split()[-1] for line in told.splitlines() if "Type: " in line)
        described = json.loads(self.run("debug-files", "check", "--json", path).stdout)
        (variant,) = described["variants"]
        return Checked(variant["debug_id"], variant["arch"], kind)


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for a client that was started."""
    with process:
        try:
            stdout, stderr = process.communicate(timeout=_RUN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Ended(process.returncode, stdout, stderr)


def fetched(version: str) -> Path:
    """Return the program, fetched once into `.cache`; skip if it is not to be had."""
    folder = _CACHE / version
    program = folder / "bin" / "sentry-cli"
    if not program.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as scratch:
            made = Path(scratch, version)
            _install(_LOCKS / f"sentry-cli-{version}.lock", made)
            # Another run of the tests may be at it, too: whoever comes first wins.
            with suppress(OSError):
                made.rename(folder)
    return program


def _install(lock: Path, folder: Path) -> None:
    command = [
        *_installer(),
        *("--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--target", str(folder), "--requirement", str(lock)),
    ]
    done = subprocess.run(  # noqa: S603 -- pip or uv, and hashes are checked
        command,
        env=surroundings.inherited(),
        capture_output=True,
        text=True,
        timeout=_FETCH_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        surroundings.lacking("sentry-cli", f"{lock.name}: {done.stderr.strip()[-500:]}")


def _installer() -> Sequence[str]:
    if find_spec("pip"):
        return [sys.executable, "-m", "pip", "install"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    pip = shutil.which("pip3") or shutil.which("pip")
    if pip is None:
        surroundings.lacking(
            "sentry-cli", "there is neither pip nor uv to fetch it with"
        )
    return [pip, "install"]
