"""A blob store that refuses to work unless it is the one that the database knows.

Each store has a random id: the file `store-id` on disk, an object of that name in a
bucket. The database has the same id. A folder whose disk is not mounted has none, and
another bucket has another one. Then every method raises `WrongStore` and nothing is
written.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from symdepot.blobs.store import BlobStore, BlobWriter, LocalState, StoredBlob
from symdepot.domain.errors import BlobMissing, StorageUnavailable, WrongStore
from symdepot.domain.ids import Checksum

type ExpectedId = Callable[[BlobStore], str]
"""Returns the id of the store that the database knows; creates both in a new store."""


class GuardedStore(BlobStore):
    """The store `inner`, as long as its id is `expected_id(inner)`.

    Reads use the result of a check for `trusted_seconds`, but check again before a blob
    counts as missing. Writes and deletes check each time if `is_cheap`: reading the id
    takes some microseconds on a disk, and a request to a bucket.
    """

    def __init__(
        self,
        inner: BlobStore,
        expected_id: ExpectedId,
        *,
        trusted_seconds: float,
        is_cheap: bool,
    ) -> None:
        self._inner = inner
        self._expected_id = expected_id
        self._trusted_seconds = trusted_seconds
        self._is_cheap = is_cheap
        self._known_id: str | None = None
        self._trusted_until = 0.0

    def require_known(self) -> None:
        """Check that this is the store that the database knows.

        A store that was right and does not answer now is not checked: what is requested
        of it fails by itself.
        """
        if time.monotonic() >= self._trusted_until:
            self._check()

    def receive(self, checksum: Checksum | None = None) -> BlobWriter:
        """Return a writer, whose `commit` checks again."""
        self._require_known_now()
        return _GuardedWriter(self._inner.receive(checksum), self._require_known_now)

    def open(self, checksum: Checksum, *, start: int = 0) -> BinaryIO:
        """Return a reader of the bytes from offset `start`."""
        self.require_known()
        with self._checked_if_missing():
            return self._inner.open(checksum, start=start)

    @contextmanager
    def on_disk(self, checksum: Checksum) -> Iterator[Path]:
        """Return a local file with the bytes."""
        self.require_known()
        with ExitStack() as stack:
            with self._checked_if_missing():
                path = stack.enter_context(self._inner.on_disk(checksum))
            yield path

    def signed_url(self, checksum: Checksum, *, valid_for: timedelta) -> str | None:
        """Return a URL for GET without credentials, unchecked; None if there is none."""
        return self._inner.signed_url(checksum, valid_for=valid_for)

    def local_state(self, checksum: Checksum) -> LocalState | None:
        """Return the state of the blob's file; None if the store is on no local disk."""
        self.require_known()
        with self._checked_if_missing():
            return self._inner.local_state(checksum)

    def delete(self, checksum: Checksum) -> None:
        """Delete a blob; a missing one is no error."""
        self._require_known_now()
        self._inner.delete(checksum)

    def stored(self) -> Iterator[StoredBlob]:
        """List the blobs, unordered, without reading them."""
        self._require_known_now()
        return self._inner.stored()

    def remove_stale(self, older_than: timedelta) -> int:
        """Remove what crashed writers left `older_than` ago; return how many files."""
        self._require_known_now()
        return self._inner.remove_stale(older_than)

    def read_id(self) -> str | None:
        """Return the id of the store, unchecked."""
        return self._inner.read_id()

    def write_id(self, store_id: str) -> None:
        """Write the id of the store, unchecked; the next use is checked."""
        self._inner.write_id(store_id)
        self._trusted_until = 0.0

    def __contains__(self, checksum: Checksum) -> bool:
        self.require_known()
        is_stored = checksum in self._inner
        if not is_stored:
            self._require_known_now()
        return is_stored

    @contextmanager
    def _checked_if_missing(self) -> Iterator[None]:
        """Check again if a blob is missing: rows are marked as damaged because of it."""
        try:
            yield
        except BlobMissing:
            self._check()
            raise

    def _require_known_now(self) -> None:
        if self._is_cheap:
            self._check()
        else:
            self.require_known()

    def _check(self) -> None:
        known_before = self._known_id is not None and self._trusted_until > 0
        if known_before:
            # Other threads need not wait for a slow store.
            self._trusted_until = time.monotonic() + self._trusted_seconds
        try:
            self._compare()
        except WrongStore:
            self._trusted_until = 0.0
            raise
        except StorageUnavailable:
            if not known_before:
                raise
        self._trusted_until = time.monotonic() + self._trusted_seconds

    def _compare(self) -> None:
        found = None if self._known_id is None else self._inner.read_id()
        if found is None or found != self._known_id:
            # The operator may have attached another store since.
            self._known_id = self._expected_id(self._inner)
            found = self._inner.read_id()
        if found != self._known_id:
            raise WrongStore(expected=self._known_id, found=found)


class _GuardedWriter:
    """Writes a blob, and calls `check` before it becomes visible."""

    def __init__(self, inner: BlobWriter, check: Callable[[], None]) -> None:
        self._inner = inner
        self._check = check
        self.write = inner.write
        self.discard = inner.discard

    @property
    def checksum(self) -> Checksum:
        return self._inner.checksum

    def commit(self) -> int:
        try:
            self._check()
        except StorageUnavailable:
            self._inner.discard()
            raise
        return self._inner.commit()
