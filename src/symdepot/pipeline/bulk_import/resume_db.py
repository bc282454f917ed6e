"""Remembers what was in files on this machine, so that nobody need read them again.

Only a help for the memory: whether a debug file is here, its row says. So the journal
may be deleted at any time, which costs reading everything once more.
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
"""To be raised when more files are known for debug files than before."""
_WAIT_SECONDS = 30.0
_TABLE = """
    CREATE TABLE IF NOT EXISTS read_file (
        path BLOB PRIMARY KEY,
        state TEXT NOT NULL,
        checksums TEXT NOT NULL
    ) WITHOUT ROWID
    """


class ResumeDatabase:
    """What the files that were read held: the checksums of debug files, maybe none."""

    def __init__(self, rows: sqlite3.Connection) -> None:
        self._rows = rows

    def recall(self, found: WalkedFile) -> tuple[Checksum, ...] | None:
        """Return what is in a file that has not changed since; None if that is unknown."""
        row = self._rows.execute(
            "SELECT checksums FROM read_file WHERE path = ? AND state = ?",
            (os.fsencode(found.path), _state(found)),
        ).fetchone()
        return None if row is None else tuple(map(Checksum, json.loads(row[0])))

    def note(self, found: WalkedFile, inside: Sequence[Checksum]) -> None:
        """Note what is in a file."""
        self._rows.execute(
            "INSERT OR REPLACE INTO read_file VALUES (?, ?, ?)",
            (
                os.fsencode(found.path),
                _state(found),
                json.dumps([c.hex for c in inside]),
            ),
        )


@contextmanager
def open_database(folder: Path) -> Iterator[ResumeDatabase]:
    """Open the journal in `folder`; what cannot be read is begun anew.

    Raises:
        Unavailable: it cannot be kept there, or not any longer.
    """
    path = folder / _NAME
    try:
        with closing(_begun(path)) as rows:
            yield ResumeDatabase(rows)
    except sqlite3.Error as error:
        raise Unavailable(
            f"What was imported cannot be noted in {path}: {error}."
        ) from error


def _begun(path: Path) -> sqlite3.Connection:
    try:
        return _connected(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        for each in path.parent.glob(f"{_NAME}*"):
            each.unlink(missing_ok=True)
        return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    rows = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
    try:
        # Who is killed has lost nothing; only a loss of power may take the last notes.
        rows.execute("PRAGMA journal_mode = WAL")
        rows.execute("PRAGMA synchronous = NORMAL")
        (version,) = rows.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            rows.execute("DROP TABLE IF EXISTS read_file")
            rows.execute(f"PRAGMA user_version = {_VERSION}")
        rows.execute(_TABLE)
    except BaseException:
        rows.close()
        raise
    return rows


def _state(found: WalkedFile) -> str:
    return f"{found.size_bytes} {found.modified_ns} {found.changed_ns}"
