"""The blob store that the settings name."""

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from symdepot.blobs import buckets
from symdepot.blobs.buckets import BucketStore
from symdepot.blobs.local import LocalStore
from symdepot.blobs.memory import MemoryStore
from symdepot.blobs.store import BlobStore
from symdepot.blobs.store_id_guard import ExpectedId, GuardedStore


@cache
def blob_store() -> BlobStore:
    """Return the store at `BLOB_URL`, the same one each time.

    `file:///absolute/path`, `memory://` (one for each process, for tests), or a
    bucket: see `buckets.from_url`.

    A store on disk or in a bucket works only while its id is the one of the database.

    Raises:
        ValueError: the URL is not usable; the text contains none of its secrets.
    """
    url: str = settings.BLOB_URL
    match urlsplit(url).scheme:
        case "file":
            store = LocalStore(_folder(url))
            return _guarded(store, trusted_seconds=2.0, is_cheap=True)
        case "memory":
            return MemoryStore()
        case scheme if scheme in buckets.SCHEMES:
            bucket = BucketStore(buckets.from_url(url), Path(settings.SCRATCH_DIR))
            return _guarded(bucket, trusted_seconds=60.0, is_cheap=False)
    schemes = ", ".join(
        f"{scheme}://" for scheme in ("file", "memory", *buckets.SCHEMES)
    )
    raise ValueError(f"BLOB_URL must begin with one of {schemes}.")


def local_folder() -> Path | None:
    """Return the folder of the blob store; None if it is on no disk."""
    url: str = settings.BLOB_URL
    return _folder(url) if urlsplit(url).scheme == "file" else None


def _guarded(
    store: BlobStore, *, trusted_seconds: float, is_cheap: bool
) -> GuardedStore:
    expected_id: ExpectedId = import_string(settings.EXPECTED_STORE_ID)
    return GuardedStore(
        store, expected_id, trusted_seconds=trusted_seconds, is_cheap=is_cheap
    )


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    folder = Path(unquote(parts.path))
    if parts.netloc not in {"", "localhost"} or not folder.is_absolute():
        text = "BLOB_URL must name an absolute path, with three slashes: file:///path."
        raise ValueError(text)
    return folder
