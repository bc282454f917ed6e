"""Blobs in a bucket: of S3 or what speaks like it, of Google's or Azure's cloud.

    bucket/prefix/ab/cd/abcd…       a blob, named by its SHA-1

Bytes on their way in wait in a local file until they are known to be right: the
bucket never holds what nobody has verified. An upload that breaks off may leave parts,
which show nowhere and cost money: give the bucket a lifecycle rule that aborts
incomplete multipart uploads. Whoever may not list the bucket is not told what is
missing, but that it is forbidden, and so to us such a storage is unavailable.

From a URL to a bucket, and how long to wait for its answers.
"""

import os
from collections.abc import Buffer, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from io import BufferedReader, RawIOBase
from pathlib import Path
from secrets import token_hex
from shutil import copyfileobj
from typing import BinaryIO
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore import store
from obstore.exceptions import BaseError, GenericError
from obstore.store import ObjectStore

from symdepot.blobs import blob_paths, incoming
from symdepot.blobs.incoming import BLOCK_BYTES, IncomingFile
from symdepot.blobs.store import BlobWriter, StoredBlob
from symdepot.domain.errors import BlobMissing, StorageUnavailable
from symdepot.domain.ids import Checksum

# What is larger goes in parts of this size, so many at a time: this much memory an
# upload takes, and this much must be across within `buckets.SILENCE_LIMIT`.
_PART_BYTES = 8 << 20
_PARTS_AT_A_TIME = 4
# Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits".
_PARTS_LIMIT = 10_000
# Source: the same, ListObjectsV2, `max-keys`.
_LIST_PAGE = 1_000
# What S3 and Google, and what Azure says when more is missing than a blob.
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")


class S3Store:
    """A `BlobStore` in a bucket, as `buckets.from_url` gives it.

    Of the folder `scratch`, it uses one folder of its own.
    """

    def __init__(self, bucket: ObjectStore, scratch: Path) -> None:
        self._bucket = bucket
        self._scratch = scratch / "bucket"

    def receive(self, checksum: Checksum | None = None) -> BlobWriter:
        """Return a writer whose bytes will be kept under `checksum`, or their own."""
        self._make_scratch()
        return IncomingFile(self._scratch, checksum, self._upload)

    def put(self, checksum: Checksum, content: BinaryIO) -> int:
        """Keep `content` and return its size in bytes."""
        return incoming.write_all(self.receive(checksum), content)

    def open(self, checksum: Checksum, *, start: int = 0) -> BinaryIO:
        """Return a reader that fetches as it is read, and cannot seek."""
        return BufferedReader(_Download(self._bucket, checksum, start), BLOCK_BYTES)

    @contextmanager
    def on_disk(self, checksum: Checksum) -> Iterator[Path]:
        """Lend a copy of the bytes."""
        path = self._scratch / f"{checksum}-{token_hex(8)}"
        try:
            self._copy(checksum, path)
            yield path
        finally:
            with suppress(OSError):
                path.unlink()

    def signed_url(self, checksum: Checksum, *, valid_for: timedelta) -> str:
        """Return a URL of the bucket, signed with the key that is ours."""
        with _asking():
            return obstore.sign(  # type: ignore[call-overload,no-any-return]  # all can
                self._bucket, "GET", blob_paths.blob_path(checksum), valid_for
            )

    def delete(self, checksum: Checksum) -> None:
        """Forget the bytes."""
        # S3 does not say whether there were any; the others do.
        with suppress(BlobMissing), _asking(checksum):
            obstore.delete(self._bucket, blob_paths.blob_path(checksum))

    def stored(self) -> Iterator[StoredBlob]:
        """List what is kept, by the bucket's clock."""
        with _asking():
            for page in obstore.list(self._bucket, chunk_size=_LIST_PAGE):
                for found in page:
                    if checksum := blob_paths.checksum_of_path(found["path"]):
                        yield StoredBlob(
                            checksum, found["size"], found["last_modified"]
                        )

    def sweep_incoming(self, older_than: timedelta) -> int:
        """Remove what crashed processes left `older_than` ago; return how many files.

        What `on_disk` has lent for so long goes too.
        """
        return incoming.remove_stale(self._scratch, older_than)

    def __contains__(self, checksum: Checksum) -> bool:
        try:
            with _asking(checksum):
                self._look_for(blob_paths.blob_path(checksum))
        except BlobMissing:
            return False
        return True

    def __iter__(self) -> Iterator[Checksum]:
        return (blob.checksum for blob in self.stored())

    def _look_for(self, place: str) -> None:
        try:
            obstore.head(self._bucket, place)
        except FileNotFoundError:
            # No answer to HEAD can say that it is the bucket that is not there.
            obstore.get(self._bucket, place)

    def _upload(self, file: IncomingFile) -> None:
        with _asking():
            obstore.put(
                self._bucket,
                blob_paths.blob_path(file.checksum),
                file.path,
                chunk_size=max(_PART_BYTES, -(-file.size_bytes // _PARTS_LIMIT)),
                max_concurrency=_PARTS_AT_A_TIME,
            )

    def _copy(self, checksum: Checksum, path: Path) -> None:
        self._make_scratch()
        with self.open(checksum) as content:
            try:
                with path.open("xb") as copy:
                    copyfileobj(content, copy, BLOCK_BYTES)
            except OSError as error:
                raise StorageUnavailable from error

    def _make_scratch(self) -> None:
        try:
            self._scratch.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailable from error


class _Download(RawIOBase):
    """Reads a blob as it comes, and asks for the rest when the connection breaks."""

    def __init__(self, bucket: ObjectStore, checksum: Checksum, start: int) -> None:
        super().__init__()
        self._bucket = bucket
        self._checksum = checksum
        self._position = self._asked_from = start
        self._pieces = self._ask()
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
        # Without its stream, the connection is closed too.
        self._pieces = iter(())
        super().close()

    def _next_piece(self) -> bytes:
        try:
            with _asking(self._checksum):
                piece = next(self._pieces, b"")
        except StorageUnavailable:
            # obstore resumes by itself, but only while the request is young
            # (`buckets.RETRY_LIMIT`), and who downloads from us may be slow.
            if self._position == self._asked_from:
                raise
            self._asked_from = self._position
            self._pieces = self._ask()
            return self._next_piece()
        self._position += len(piece)
        return piece

    def _ask(self) -> Iterator[bytes]:
        """Begin to fetch the bytes from `_position`."""
        with _asking(self._checksum):
            try:
                answer = obstore.get(
                    self._bucket,
                    blob_paths.blob_path(self._checksum),
                    # All of an empty object is, as a range, an error.
                    options={"range": {"offset": self._position}}
                    if self._position
                    else {},
                )
            except GenericError as error:
                # So is any that begins at the end; it has no class of its own.
                if "416 Range Not Satisfiable" in str(error):
                    return iter(())
                raise
            return iter(answer.stream(BLOCK_BYTES))


@contextmanager
def _asking(wanted: Checksum | None = None) -> Iterator[None]:
    """Turn what the bucket says into our words; without `wanted`, nothing is missed."""
    if os.getpid() != _first_asker():
        raise RuntimeError(
            "This process was forked from one that had asked a bucket for something, "
            "and would wait for its answers for ever. Ask after forking, not before."
        )
    try:
        yield
    except FileNotFoundError as error:
        # A bucket that is missing does not mean that its blobs are.
        if wanted is None or any(code in str(error) for code in _NO_BUCKET):
            raise StorageUnavailable from error
        raise BlobMissing(wanted) from error
    except (BaseError, OSError) as error:
        raise StorageUnavailable from error


@cache
def _first_asker() -> int:
    """Return the process in which obstore's threads run: they do not survive a fork."""
    return os.getpid()


# One that does not answer is given up after about the larger of these two, before
# those who wait for us give us up.
RETRY_LIMIT = timedelta(seconds=10)
SILENCE_LIMIT = timedelta(seconds=20)
_CONNECT_LIMIT = timedelta(seconds=3)
_RETRIES_LIMIT = 4
# A download takes as long as its reader does; only silence ends it.
_REQUEST_LIMIT = timedelta(days=1)

# obstore knows more, but panics on some of them when they come this way: `timeout`.
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


def from_url(url: str) -> ObjectStore:
    """Return the bucket that `url` names, without asking it for anything.

    `s3://bucket/prefix?endpoint=…&region=…` takes those options of obstore's
    `S3Config` that stand above, percent-encoded. What it does not say, and everything
    for `gs://bucket/prefix` and `az://container/prefix`, is looked for where each
    cloud's own programs do: `AWS_…`, `GOOGLE_…`, `AZURE_…`, the machine's identity.
    `AWS_ENDPOINT_URL_S3`, if set, goes before `endpoint`: obstore has it so.

    Raises:
        ValueError: `url` names no bucket that could be used. The text is for whoever
            wrote it, and repeats no option's value.
    """
    parts = urlsplit(url, allow_fragments=False)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    _check(parts.scheme, parts.netloc, options)
    plain_http = options.get("endpoint", "").startswith("http://")
    if parts.scheme == "s3":
        # Not every server that speaks S3 knows how to delete in bulk.
        options["disable_bulk_delete"] = "true"
    try:
        bucket: ObjectStore = store.from_url(
            parts._replace(query="").geturl(),
            config=options,  # type: ignore[call-overload]  # its keys were checked
            client_options={
                "connect_timeout": _CONNECT_LIMIT,
                "read_timeout": SILENCE_LIMIT,
                "timeout": _REQUEST_LIMIT,
                **({"allow_http": True} if plain_http else {}),
            },
            retry_config={"max_retries": _RETRIES_LIMIT, "retry_timeout": RETRY_LIMIT},
        )
    except BaseError as error:
        raise ValueError(
            f"The {parts.scheme} bucket {parts.netloc} cannot be used: something in its "
            "URL, or in the environment, is malformed or missing."
        ) from error
    return bucket


def _check(scheme: str, bucket: str, options: dict[str, str]) -> None:
    if not bucket:
        raise ValueError(f"After {scheme}:// must come the name of a bucket.")
    if unknown := options.keys() - _OPTIONS[scheme]:
        raise ValueError(
            f"{', '.join(sorted(unknown))}: not an option of a {scheme} bucket; "
            f"these are: {', '.join(sorted(_OPTIONS[scheme])) or 'none'}."
        )
    # obstore would panic on it, but only when the bucket is first asked.
    if not options.get("endpoint", "https://").startswith(("http://", "https://")):
        raise ValueError("The endpoint must begin with http:// or https://.")
