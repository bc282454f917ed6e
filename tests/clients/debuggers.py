"""Debuggers of the machine, which fetch what they lack from a server."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests import environment

_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Seat:
    """Where somebody debugs: a home of his own, and the servers that he asks."""

    home: Path
    url: str

    def asking(self, url: str) -> "Seat":
        """Return a seat with nothing fetched yet, at which another server is asked."""
        home = self.home / f"seat-{len(list(self.home.iterdir()))}"
        home.mkdir()
        return replace(self, home=home, url=url)

    def run(
        self, name: str, *arguments: str | Path, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program and return how it ended and what it said."""
        return subprocess.run(  # noqa: S603 -- debuggers, and our own words
            [program(name), *map(str, arguments)],
            cwd=self.home,
            env=self._environment(),
            input=typed,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def said(self, name: str, *arguments: str | Path, typed: str = "") -> str:
        """Return what a program says, which must end well."""
        ended = self.run(name, *arguments, typed=typed)
        assert ended.returncode == 0, ended
        return ended.stdout + ended.stderr

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "LC_ALL": "C.UTF-8",
            "DEBUGINFOD_URLS": self.url,
            "DEBUGINFOD_TIMEOUT": "20",
        }


def build_id_of(path: Path) -> str:
    """Return the build id of a program."""
    told = subprocess.run(  # noqa: S603 -- of binutils
        [program("readelf"), "-n", str(path)],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    match = re.search(r"Build ID: ([0-9a-f]{40})", told.stdout)
    assert match, told
    return match[1]


def program(name: str) -> str:
    """Return where a debugger lies; skip the test if there is none."""
    found = shutil.which(name)
    if found is None:
        environment.require_or_skip("debuggers", f"{name} is not installed")
    return found
