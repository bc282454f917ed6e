"""What tests with real programs need of the machine, and what it means to lack it."""

import os
import secrets
import shutil
import socket
from pathlib import Path
from typing import NoReturn

import pytest

PROJECT = Path(__file__).parents[1]
SOURCES = PROJECT / "src"

_REQUIRED = "SYMDEPOT_TEST_REQUIRE"
_DATABASE = "SYMDEPOT_DATABASE_URL"
# Below 32768, where Linux begins to give ports to clients.
_PORTS = range(23_000, 32_000)


def require_or_skip(part: str, why: str) -> NoReturn:
    """Skip the test, since `part` is not to be had; fail it where that is required.

    `SYMDEPOT_TEST_REQUIRE` lists what must be there, with commas between.
    """
    if part in os.environ.get(_REQUIRED, "").split(","):  # noqa: TID251 -- the tests' own variable, not the server's
        pytest.fail(f"{part} is required here: {why}")
    pytest.skip(f"without {part}: {why}")


def program(name: str) -> str:
    """Return where a program of the machine is that debug files are made with."""
    found = shutil.which(name)
    if found is None:
        require_or_skip(
            "sentry-cli", f"{name} makes its debug files and is not installed"
        )
    return found


def inherited() -> dict[str, str]:
    """Return the environment, less all that configures a server or a client."""
    return {
        name: value
        for name, value in os.environ.items()  # noqa: TID251 -- handed on, not read
        if not name.startswith(("SYMDEPOT_", "SENTRY_", "DJANGO_"))
    }


def database_url() -> str:
    """Return the database that these tests are to run on; empty means SQLite."""
    return os.environ.get(_DATABASE, "")  # noqa: TID251 -- where the tests run is chosen as for the server


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
