"""The blob store that the settings name."""

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings

from symdepot.blobs import buckets
from symdepot.blobs.buckets import BucketStore
from symdepot.blobs.local import LocalStore
from symdepot.blobs.memory import MemoryStore
from symdepot.blobs.store import BlobStore


@cache
def blob_store() -> BlobStore:
    """Return the store at `BLOB_URL`, the same one each time.

    `file:///absolute/path`, `memory://` (one for each process, for tests), or a
    bucket: see `buckets.from_url`.

    Raises:
        ValueError: the URL is not usable; the text contains none of its secrets.
    """
    url: str = settings.BLOB_URL
    match urlsplit(url).scheme:
        case "file":
            return LocalStore(_folder(url))
        case "memory":
            return MemoryStore()
        case scheme if scheme in buckets.SCHEMES:
            return BucketStore(buckets.from_url(url), Path(settings.SCRATCH_DIR))
    schemes = ", ".join(
        f"{scheme}://" for scheme in ("file", "memory", *buckets.SCHEMES)
    )
    raise ValueError(f"BLOB_URL must begin with one of {schemes}.")


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    folder = Path(unquote(parts.path))
    if parts.netloc not in {"", "localhost"} or not folder.is_absolute():
        text = "BLOB_URL must name an absolute path, with three slashes: file:///path."
        raise ValueError(text)
    return folder
