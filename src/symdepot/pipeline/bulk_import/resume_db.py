"""Remember what files of this machine contained, so that imports read them only once.

A cache: whether a debug file exists in a project is always looked up there. Deleting the
database only costs reading all files again.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from symdepot.domain.errors import Unavailable
from symdepot.domain.ids import Checksum
from symdepot.pipeline.bulk_import.file_walk import WalkedFile

_NAME = "import-journal.db"
_VERSION = 1
"""Increase it when more files are recognised as debug files than before."""
_TABLE = """
    CREATE TABLE IF NOT EXISTS read_file (
        path BLOB PRIMARY KEY, state TEXT NOT NULL, checksums TEXT NOT NULL
    ) WITHOUT ROWID
    """


class ResumeDatabase:
    """The checksums of the debug files in each file that was read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, file: WalkedFile) -> tuple[Checksum, ...] | None:
        """Return what is in a file; None if it was never read or has changed since."""
        row = self._connection.execute(
            "SELECT checksums FROM read_file WHERE path = ? AND state = ?",
            (os.fsencode(file.path), _state(file)),
        ).fetchone()
        return None if row is None else tuple(map(Checksum, json.loads(row[0])))

    def put(self, file: WalkedFile, checksums: Sequence[Checksum]) -> None:
        """Record what is in a file."""
        listed = json.dumps([c.hex for c in checksums])
        self._connection.execute(
            "INSERT OR REPLACE INTO read_file VALUES (?, ?, ?)",
            (os.fsencode(file.path), _state(file), listed),
        )


@contextmanager
def open_database(folder: Path) -> Iterator[ResumeDatabase]:
    """Open the database in `folder`; create it if it is missing or corrupt.

    Raises:
        Unavailable: it cannot be created or written.
    """
    path = folder / _NAME
    try:
        with closing(_connect_or_recreate(path)) as connection:
            yield ResumeDatabase(connection)
    except sqlite3.Error as error:
        text = f"What was imported cannot be noted in {path}: {error}."
        raise Unavailable(text) from error


def _connect_or_recreate(path: Path) -> sqlite3.Connection:
    try:
        return _connect(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        for file in path.parent.glob(f"{_NAME}*"):
            file.unlink(missing_ok=True)
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
    try:
        # A killed import loses nothing; only a power failure can lose the last rows.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            connection.execute("DROP TABLE IF EXISTS read_file")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute(_TABLE)
    except BaseException:
        connection.close()
        raise
    return connection


def _state(file: WalkedFile) -> str:
    return f"{file.size_bytes} {file.modified_ns} {file.changed_ns}"
