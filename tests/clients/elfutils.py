"""elfutils' own debuginfod, which serves a folder: what ours is compared with."""

import http.client
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from tests import environment
from tests.clients.wire import Wire

_READY_SECONDS = 60


def missing() -> str:
    """Return why it cannot be had; empty if it can."""
    return "" if shutil.which("debuginfod") else "debuginfod is not installed"


@contextmanager
def serving(folder: Path, paths: Sequence[str]) -> Iterator[Wire]:
    """Let it serve `folder`; lend it when it has all of `paths`.

    Raises:
        TimeoutError: it has not read the folder in time.
    """
    port = environment.free_port()
    program = shutil.which("debuginfod") or "debuginfod"
    words = [program, "-d", ":memory:", "-F", "-p", str(port), str(folder)]
    with subprocess.Popen(  # noqa: S603 -- a program of Debian's
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wire = Wire(f"http://127.0.0.1:{port}", "", "", "")
            lacking = _lacking_after_a_while(wire, paths)
            if lacking:
                raise TimeoutError(
                    f"debuginfod lacks {len(lacking)} of {len(paths)} files; "
                    f"{'it runs' if server.poll() is None else 'it has ended'}"
                )
            yield wire
        finally:
            server.kill()


def _lacking_after_a_while(wire: Wire, paths: Sequence[str]) -> list[str]:
    """Wait until it has all, and return what it has not, if it will not have it."""
    lacking = list(paths)
    give_up_at = time.monotonic() + _READY_SECONDS
    while lacking and time.monotonic() < give_up_at:
        with suppress(OSError, http.client.HTTPException):
            if wire.ask("GET", lacking[-1]).status == HTTPStatus.OK:
                lacking.pop()
                continue
        time.sleep(0.1)
    return lacking
