"""Programs that are fetched once, in the versions whose hashes are locked."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from tests import environment

_LOCKS = Path(__file__).parent / "locks"
_CACHE = environment.PROJECT / ".cache"
_FETCH_SECONDS = 300


def fetched(name: str, version: str) -> Path:
    """Return the folder of a package with all it needs, fetched into `.cache`.

    Skip the test if it is not to be had.
    """
    cache = _CACHE / name
    folder = cache / version
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            made = Path(scratch, version)
            _install(name, _LOCKS / f"{name}-{version}.lock", made)
            # Another run of the tests may be at it, too: whoever comes first wins.
            with suppress(OSError):
                made.rename(folder)
    return folder


def _install(name: str, lock: Path, folder: Path) -> None:
    command = [
        *_installer(name),
        *("--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--target", str(folder), "--requirement", str(lock)),
    ]
    done = subprocess.run(  # noqa: S603 -- pip or uv, and hashes are checked
        command,
        env=environment.inherited(),
        capture_output=True,
        text=True,
        timeout=_FETCH_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        environment.require_or_skip(name, f"{lock.name}: {done.stderr.strip()[-500:]}")


def _installer(name: str) -> Sequence[str]:
    if find_spec("pip"):
        return [sys.executable, "-m", "pip", "install"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    pip = shutil.which("pip3") or shutil.which("pip")
    if pip is None:
        environment.require_or_skip(
            name, "there is neither pip nor uv to fetch it with"
        )
    return [pip, "install"]
