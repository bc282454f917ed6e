"""A database of its own for each server: an SQLite file, or one made on Postgres."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier
from tests import environment

type Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Database:
    """Where the server keeps its rows. To look at, not to change."""

    url: str

    def rows(self, sql: str) -> list[Row]:
        """Return what a query finds, behind the server's back."""
        if self.url.startswith("sqlite"):
            path = self.url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as looking:
                return list(looking.execute(sql))
        with psycopg.connect(self.url) as looking:
            return list(looking.execute(sql.encode()))

    def value(self, sql: str) -> object:
        """Return the one value that a query finds."""
        return self.rows(sql)[0][0]


@contextmanager
def fresh(folder: Path) -> Iterator[Database]:
    """Lend an empty database; SQLite's lies in `folder`."""
    url = environment.database_url()
    if not url.startswith("postgres"):
        yield Database(f"sqlite:///{folder / 'symdepot.db'}")
        return
    name = f"symdepot_{secrets.token_hex(6)}"
    _tell(url, "CREATE DATABASE {}", name)
    try:
        yield Database(urlsplit(url)._replace(path=f"/{name}").geturl())
    finally:
        _tell(url, "DROP DATABASE {} WITH (FORCE)", name)


def _tell(url: str, statement: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL(statement).format(Identifier(name)))
