"""Load by `wrk`: the same requests, repeated on a few connections."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_CONNECTIONS = 16
_THREADS = 1
_GRACE_SECONDS = 30
_SCRIPT = """
local paths = { %s }
local place = 0

function request()
    place = place %% #paths + 1
    return wrk.format("GET", paths[place])
end

function done(summary)
    local errors = summary.errors
    local lost = errors.connect + errors.read + errors.write + errors.timeout
    io.stderr:write(string.format(
        '{"requests": %%d, "microseconds": %%d, "refused": %%d, "lost": %%d}',
        summary.requests, summary.duration, errors.status, lost))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """Which paths to ask for below `url`; either all `are_there` or none is."""

    url: str
    paths: Sequence[str]
    are_there: bool

    def requests_per_second(self, seconds: int, scratch: Path) -> float:
        """Ask for one after the other, as fast as answers come.

        Raises:
            RuntimeError: not all answers were as they should be.
        """
        script = scratch / "load.lua"
        prefix = urlsplit(self.url).path
        paths = ", ".join(json.dumps(prefix + path) for path in self.paths)
        script.write_text(_SCRIPT % paths)
        done = subprocess.run(  # noqa: S603 -- our own script
            [
                shutil.which("wrk") or "wrk",
                f"-t{_THREADS}",
                f"-c{_CONNECTIONS}",
                f"-d{seconds}",
                f"-s{script}",
                self.url,
            ],
            capture_output=True,
            check=True,
            timeout=seconds + _GRACE_SECONDS,
        )
        told: dict[str, int] = json.loads(done.stderr)
        refused = 0 if self.are_there else told["requests"]
        if told["lost"] or told["refused"] != refused:
            raise RuntimeError(f"{self.url} answers otherwise than it should: {told}")
        return told["requests"] * 1e6 / told["microseconds"]


def missing() -> str:
    """Return why there can be no load; empty if there can."""
    return "" if shutil.which("wrk") else "wrk is not installed"
