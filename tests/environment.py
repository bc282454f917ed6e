"""What the tests take from the environment: programs, ports, variables."""

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
_THOROUGH = "SYMDEPOT_TEST_THOROUGH"
_DATABASE = "SYMDEPOT_DATABASE_URL"
# Below 32768, where Linux begins to give ports to clients.
_PORTS = range(23_000, 32_000)

IS_THOROUGH = bool(os.environ.get(_THOROUGH))  # noqa: TID251 -- the tests' own variable, not the server's
"""Whether this is a nightly run: all versions, full sizes, many examples."""


def require_or_skip(part: str, why: str) -> NoReturn:
    """Skip the test because `part` is missing.

    Fail it instead if `SYMDEPOT_TEST_REQUIRE`, a list with commas, names the part.
    """
    if part in os.environ.get(_REQUIRED, "").split(","):  # noqa: TID251 -- the tests' own variable, not the server's
        pytest.fail(f"{part} is required here: {why}")
    pytest.skip(f"without {part}: {why}")


def program(name: str) -> str:
    """Return the path of a program that makes debug files."""
    found = shutil.which(name)
    if found is None:
        require_or_skip(
            "sentry-cli", f"{name} makes its debug files and is not installed"
        )
    return found


def inherited() -> dict[str, str]:
    """Return the environment without the settings of servers and clients."""
    return {
        name: value
        for name, value in os.environ.items()  # noqa: TID251 -- passed on, not read
        if not name.startswith(("SYMDEPOT_", "SENTRY_", "DJANGO_"))
    }


def database_url() -> str:
    """Return the URL of the database under test; empty means SQLite."""
    return os.environ.get(_DATABASE, "")  # noqa: TID251 -- chosen as for the server


def free_port() -> int:
    """Return a free port of this machine."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
