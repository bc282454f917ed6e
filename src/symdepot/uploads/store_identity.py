"""Which blob store belongs to this database: both have the same random id.

A new installation gets an id, in the row and in the store. An installation of an earlier
version has blobs and no id: its store is given one. The row is inserted before the store
is written and says whether that has happened, so any number of processes agree on one id
and a crash between the two is continued.
"""

from secrets import token_hex

from django.db import transaction

from symdepot.blobs.store import BlobStore
from symdepot.domain.errors import WrongStore
from symdepot.uploads.models import Chunk, StoreIdentity

_ID_BYTES = 16
_ONLY_ROW = 1


def expected_id(store: BlobStore) -> str:
    """Return the id that `store` must have. Gives an id to a new store.

    `store` itself, without a check of its id.

    Raises:
        WrongStore: the database has no id yet but has chunks, and `store` is empty.
        StorageUnavailable: the store did not answer.
    """
    row = StoreIdentity.objects.filter(pk=_ONLY_ROW).first()
    if row is None:
        row = _insert(store)
    if not row.is_written:
        store.write_id(row.store_id)
        StoreIdentity.objects.filter(pk=_ONLY_ROW).update(is_written=True)
    return row.store_id


def adopt(store: BlobStore) -> str:
    """Make `store` the one of this database, and return its id.

    A store without an id is given one; the database takes over the id of any other.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    store_id = store.read_id()
    if store_id is None:
        store_id = token_hex(_ID_BYTES)
        store.write_id(store_id)
    with transaction.atomic():
        values = {"store_id": store_id, "is_written": True}
        StoreIdentity.objects.update_or_create(pk=_ONLY_ROW, defaults=values)
    return store_id


def _insert(store: BlobStore) -> StoreIdentity:
    found = store.read_id()
    is_empty = found is None and next(iter(store), None) is None
    if is_empty and Chunk.objects.exists():
        raise WrongStore(expected=None, found=None)
    values = {"store_id": found or token_hex(_ID_BYTES), "is_written": bool(found)}
    return StoreIdentity.objects.get_or_create(pk=_ONLY_ROW, defaults=values)[0]
