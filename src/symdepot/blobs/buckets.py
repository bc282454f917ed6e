"""Blobs in a bucket of S3 (or a compatible server), Google Cloud Storage or Azure.

    bucket/prefix/ab/cd/abcd…       a blob, named by its SHA-1
    bucket/prefix/store-id          the id of the store

Bytes are written to a local file first and uploaded when they are verified. An upload
that breaks off may leave parts, which are not listed and cost money: give the bucket a
lifecycle rule that aborts incomplete multipart uploads. Without the permission to list the
bucket, S3 answers "forbidden" for a missing object, which is `StorageUnavailable` here.
"""

import os
from collections.abc import Buffer, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore import store
from obstore.exceptions import BaseError, GenericError
from obstore.store import ObjectStore

from symdepot.blobs import incoming, temporary_files
from symdepot.blobs.incoming import IncomingFile, read_blocks, storage_errors
from symdepot.blobs.store import (
    BLOCK_BYTES,
    ID_PATH,
    BlobStore,
    BlobWriter,
    StoredBlob,
    blob_path,
    checksum_of_path,
)
from symdepot.domain import http_urls
from symdepot.domain.errors import BlobMissing, StorageUnavailable
from symdepot.domain.ids import Checksum

# Larger blobs are uploaded in parts of this size, so many at a time. Their product is the
# memory that an upload takes, and must be transferred within `READ_TIMEOUT`.
_PART_BYTES = 8 << 20
_CONCURRENT_PARTS = 4
# Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits".
_MAX_PARTS = 10_000
# Source: the same, ListObjectsV2, `max-keys`.
_LIST_PAGE = 1_000
# Error codes of a missing bucket: of S3 and Google, of Azure.
_BUCKET_MISSING = ("NoSuchBucket", "ContainerNotFound")

# A request to a silent bucket fails after about the larger of these two, before our own
# clients time out.
RETRY_TIMEOUT = timedelta(seconds=10)
READ_TIMEOUT = timedelta(seconds=20)
_CONNECT_TIMEOUT = timedelta(seconds=3)
_MAX_RETRIES = 4
# A download may be as slow as its reader; only `READ_TIMEOUT` ends it.
_REQUEST_TIMEOUT = timedelta(days=1)

# obstore has more options, but panics on some of them in this place: `timeout`.
_S3_OPTIONS = frozenset(
    {
        "access_key_id",
        "checksum_algorithm",
        "endpoint",
        "region",
        "secret_access_key",
        "server_side_encryption",
        "session_token",
        "skip_signature",
        "sse_kms_key_id",
        "unsigned_payload",
        "virtual_hosted_style_request",
    }
)
_OPTIONS = {"s3": _S3_OPTIONS, "gs": frozenset[str](), "az": frozenset[str]()}
SCHEMES = tuple(_OPTIONS)


class BucketStore(BlobStore):
    """A store in a bucket of `from_url`. Local files are in `scratch/bucket`."""

    def __init__(self, bucket: ObjectStore, scratch: Path) -> None:
        self._bucket = bucket
        self._scratch = scratch / "bucket"

    def receive(self, checksum: Checksum | None = None) -> BlobWriter:
        """Return a writer of the blob `checksum`, or of one of any checksum."""
        with storage_errors():
            self._scratch.mkdir(parents=True, exist_ok=True)
        return IncomingFile(self._scratch, checksum, self._upload)

    def open(self, checksum: Checksum, *, start: int = 0) -> BinaryIO:
        """Return a reader that downloads while it is read. It cannot seek."""
        return BufferedReader(_Download(self._bucket, checksum, start), BLOCK_BYTES)

    @contextmanager
    def on_disk(self, checksum: Checksum) -> Iterator[Path]:
        """Return a temporary copy of the blob."""
        with storage_errors():
            self._scratch.mkdir(parents=True, exist_ok=True)
            path, descriptor = temporary_files.create(
                self._scratch, prefix=f"{checksum}-"
            )
        try:
            with (
                storage_errors(),
                self.open(checksum) as content,
                open(descriptor, "wb", closefd=False) as copy,
            ):
                copy.writelines(read_blocks(content))
            yield path
        finally:
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)

    def signed_url(self, checksum: Checksum, *, valid_for: timedelta) -> str:
        """Return a URL of the bucket, signed with our key."""
        with _translated_errors():
            return obstore.sign(  # type: ignore[call-overload,no-any-return]  # all can
                self._bucket, "GET", blob_path(checksum), valid_for
            )

    def local_state(self, checksum: Checksum) -> None:
        """Return None: a bucket is on no local disk."""

    def delete(self, checksum: Checksum) -> None:
        """Delete the blob, if there is one."""
        # S3 reports no missing objects; the others do.
        with suppress(BlobMissing), _translated_errors(checksum):
            obstore.delete(self._bucket, blob_path(checksum))

    def stored(self) -> Iterator[StoredBlob]:
        """List the blobs; `written_at` is by the clock of the bucket."""
        with _translated_errors():
            for page in obstore.list(self._bucket, chunk_size=_LIST_PAGE):
                for found in page:
                    if checksum := checksum_of_path(found["path"]):
                        yield StoredBlob(
                            checksum, found["size"], found["last_modified"]
                        )

    def remove_stale(self, older_than: timedelta) -> int:
        """Remove files of crashed processes; return how many."""
        return incoming.remove_stale(self._scratch, older_than)

    def read_id(self) -> str | None:
        """Return the content of the object `store-id`; None if it is empty."""
        with _translated_errors():
            try:
                found = obstore.get(self._bucket, ID_PATH).bytes()
            except FileNotFoundError as error:
                if any(code in str(error) for code in _BUCKET_MISSING):
                    raise
                return None
            return bytes(found).decode("ascii", "replace").strip() or None

    def write_id(self, store_id: str) -> None:
        """Write the object `store-id`."""
        with _translated_errors():
            obstore.put(self._bucket, ID_PATH, f"{store_id}\n".encode())

    def __contains__(self, checksum: Checksum) -> bool:
        with suppress(BlobMissing), _translated_errors(checksum):
            path = blob_path(checksum)
            try:
                obstore.head(self._bucket, path)
            except FileNotFoundError:
                # Only GET tells a missing bucket from a missing object.
                obstore.get(self._bucket, path)
            return True
        return False

    def _upload(self, file: IncomingFile) -> None:
        with _translated_errors():
            obstore.put(
                self._bucket,
                blob_path(file.checksum),
                file.path,
                chunk_size=max(_PART_BYTES, -(-file.size_bytes // _MAX_PARTS)),
                max_concurrency=_CONCURRENT_PARTS,
            )


def from_url(url: str) -> ObjectStore:
    """Return the bucket of `url`, without a request to it.

    `s3://bucket/prefix?endpoint=…&region=…` takes the options in `_S3_OPTIONS`, which are
    obstore's `S3Config`, percent-encoded. Other options, and all of
    `gs://bucket/prefix` and `az://container/prefix`, come from where the programs of
    each cloud look: `AWS_…`, `GOOGLE_…`, `AZURE_…`, the identity of the machine.
    `AWS_ENDPOINT_URL_S3` overrides `endpoint`, as obstore does it.

    Raises:
        ValueError: `url` is not usable; the text repeats no value of an option.
    """
    parts = urlsplit(url, allow_fragments=False)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    _check(parts.scheme, parts.netloc, options)
    plain_http = options.get("endpoint", "").startswith("http://")
    if "endpoint" in options:
        try:
            http_urls.split_http_url(options["endpoint"])
        except ValueError as error:
            raise ValueError(
                f"The endpoint of the bucket is not valid: {error}."
            ) from None
    if parts.scheme == "s3":
        # Some compatible servers cannot delete in bulk.
        options["disable_bulk_delete"] = "true"
    try:
        bucket: ObjectStore = store.from_url(
            parts._replace(query="").geturl(),
            config=options,  # type: ignore[call-overload]  # its keys were checked
            client_options={
                "connect_timeout": _CONNECT_TIMEOUT,
                "read_timeout": READ_TIMEOUT,
                "timeout": _REQUEST_TIMEOUT,
                **({"allow_http": True} if plain_http else {}),
            },
            retry_config={"max_retries": _MAX_RETRIES, "retry_timeout": RETRY_TIMEOUT},
        )
    except BaseError as error:
        raise ValueError(
            f"The {parts.scheme} bucket {parts.netloc} cannot be used: something in its "
            "URL, or in the environment, is malformed or missing."
        ) from error
    return bucket


class _Download(RawIOBase):
    """Downloads a blob, and requests the rest again when the connection breaks."""

    def __init__(self, bucket: ObjectStore, checksum: Checksum, start: int) -> None:
        super().__init__()
        self._bucket = bucket
        self._checksum = checksum
        self._position = self._requested_from = start
        self._pieces = self._request()
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        if not self._piece:
            self._piece = memoryview(self._next_piece())
        target = memoryview(buffer)
        count = min(len(target), len(self._piece))
        target[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count

    def close(self) -> None:
        # Dropping the stream closes the connection.
        self._pieces = iter(())
        super().close()

    def _next_piece(self) -> bytes:
        try:
            with _translated_errors(self._checksum):
                piece = next(self._pieces, b"")
        except StorageUnavailable:
            # obstore resumes by itself, but only for `RETRY_TIMEOUT` after the request,
            # and our own client may be slow.
            if self._position == self._requested_from:
                raise
            self._requested_from = self._position
            self._pieces = self._request()
            return self._next_piece()
        self._position += len(piece)
        return piece

    def _request(self) -> Iterator[bytes]:
        """Start the download at `_position`."""
        with _translated_errors(self._checksum):
            try:
                answer = obstore.get(
                    self._bucket,
                    blob_path(self._checksum),
                    # For an empty object, even the range of all bytes is an error.
                    options={"range": {"offset": self._position}}
                    if self._position
                    else {},
                )
            except GenericError as error:
                # A range that starts at the end; the error has no class of its own.
                if "416 Range Not Satisfiable" in str(error):
                    return iter(())
                raise
            return iter(answer.stream(BLOCK_BYTES))


@contextmanager
def _translated_errors(wanted: Checksum | None = None) -> Iterator[None]:
    """Translate errors; without `wanted`, a missing object is `StorageUnavailable`."""
    if os.getpid() != _first_process():
        raise RuntimeError(
            "This process was forked from one that had used a bucket, so requests would "
            "hang. Use the bucket only after forking."
        )
    try:
        yield
    except FileNotFoundError as error:
        # A missing bucket is a fault of the configuration, not a missing blob.
        if wanted is None or any(code in str(error) for code in _BUCKET_MISSING):
            raise StorageUnavailable from error
        raise BlobMissing(wanted) from error
    except (BaseError, OSError) as error:
        raise StorageUnavailable from error


@cache
def _first_process() -> int:
    """Return the process that has obstore's threads, which do not survive a fork."""
    return os.getpid()


def _check(scheme: str, bucket: str, options: dict[str, str]) -> None:
    if not bucket:
        raise ValueError(f"After {scheme}:// must come the name of a bucket.")
    if unknown := options.keys() - _OPTIONS[scheme]:
        raise ValueError(
            f"{', '.join(sorted(unknown))}: not an option of a {scheme} bucket; "
            f"these are: {', '.join(sorted(_OPTIONS[scheme])) or 'none'}."
        )
    # obstore would panic on it, but only at the first request.
    if not options.get("endpoint", "https://").startswith(("http://", "https://")):
        raise ValueError("The endpoint must begin with http:// or https://.")
