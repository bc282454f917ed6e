"""(e): time to find the missing ones of 4,096 chunks, in a small and a large table."""

import json
import math
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier
from rich.console import Console
from tests import environment

from bench import progress
from bench.figures import Figure, Series

POSTGRES = "postgres://root@127.0.0.1:5432/test"
RATIO_GOAL = 3.0
GOAL_MS = 30.0
_FEW = 1_000
_MANY = 1_000_000
_SECONDS = 90


def measure(folder: Path, postgres: str) -> Iterator[Figure]:
    """Ask SQLite, and Postgres where it answers."""
    databases = {"SQLite": ""}
    if _answers(postgres):
        databases["Postgres"] = postgres
    else:
        Console(stderr=True).print(f"Without Postgres: nobody answers at {postgres}.")
    for name, url in databases.items():
        few, many = (
            _asked(folder / f"{name}-{rows}", url, rows)
            for rows in progress.of(f"ask {name}", (_FEW, _MANY))
        )
        yield Figure(
            f"(e) which of 4,096 chunks, {name}, 1 M rows",
            many.median,
            "ms",
            GOAL_MS,
            f"{many} ms",
        )
        yield Figure(
            "    against 1 k rows",
            many.median / few.median,
            "x",
            RATIO_GOAL,
            f"{few} ms at 1 k rows",
        )


def _asked(folder: Path, postgres: str, rows: int) -> Series:
    """Measure in a process of its own, since Django has one database for life."""
    folder.mkdir()
    with _database(postgres) as url:
        settings = {
            "SYMDEPOT_DATA_DIR": str(folder),
            "SYMDEPOT_DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "symdepot.server.settings",
        }
        return Series.of(_milliseconds(settings, rows))


def _milliseconds(settings: Mapping[str, str], rows: int) -> list[float]:
    """Return how long each question took; infinitely if nobody could wait for it."""
    try:
        done = subprocess.run(  # noqa: S603 -- our own module
            [sys.executable, "-m", "bench.missing_chunks_process", str(rows)],
            cwd=environment.PROJECT,
            env={**environment.inherited(), **settings},
            stdout=subprocess.PIPE,
            check=True,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return [math.inf]
    times: list[float] = json.loads(done.stdout)
    return times


@contextmanager
def _database(server: str) -> Iterator[str]:
    """Lend a database that is empty and soon forgotten; none means SQLite's own."""
    if not server:
        yield ""
        return
    name = f"symdepot_bench_{secrets.token_hex(6)}"
    _tell(server, "CREATE DATABASE {}", name)
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        _tell(server, "DROP DATABASE {} WITH (FORCE)", name)


def _tell(server: str, statement: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SQL(statement).format(Identifier(name)))


def _answers(server: str) -> bool:
    try:
        psycopg.connect(server, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True
