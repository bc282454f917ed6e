import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen
from uuid import uuid4

import obstore
import pytest
from obstore.store import ObjectStore
from tests.contracts.seaweed import S3Server

from symdepot.blobs import buckets
from symdepot.blobs.buckets import BucketStore
from symdepot.blobs.store import blob_path
from symdepot.domain.errors import StorageUnavailable
from symdepot.domain.ids import Checksum

MIB = 1 << 20
CONTENT = b"abc"
CHECKSUM = Checksum.of(CONTENT)
PLACE = "a9/99/a9993e364706816aba3e25717850c26c9cd0d89d"
LARGE = Random(0).randbytes(20 * MIB)  # noqa: S311  # no secret
UNREACHABLE = "s3://bucket/prefix?access_key_id=a&secret_access_key=b&endpoint=http://"

type StoreAt = Callable[[str], BucketStore]


@pytest.fixture
def bucket(s3_server: S3Server) -> ObjectStore:
    return buckets.from_url(s3_server.url(uuid4().hex))


@pytest.fixture
def store(bucket: ObjectStore, tmp_path: Path) -> BucketStore:
    return BucketStore(bucket, tmp_path)


@pytest.fixture
def store_at(tmp_path: Path) -> StoreAt:
    return lambda url: BucketStore(buckets.from_url(url), tmp_path)


@pytest.fixture
def no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "RETRY_TIMEOUT", timedelta())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, no_retries: None) -> None:
    monkeypatch.setattr(buckets, "READ_TIMEOUT", timedelta(seconds=0.2))


@pytest.fixture
def mute_endpoint() -> Iterator[str]:
    """Listen, and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield "127.0.0.1:{1}".format(*listener.getsockname())


@pytest.fixture
def refusing_endpoint() -> str:
    """Return an address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return "127.0.0.1:{1}".format(*listener.getsockname())


class BreakingConnections:
    """Passes on what comes from the server, but breaks off after so many bytes."""

    def __init__(self, target: str, break_after_bytes: int) -> None:
        self.accepted = 0
        self._target = ("127.0.0.1", urlsplit(target).port)
        self._break_after_bytes = break_after_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "http://127.0.0.1:{1}".format(*self._listener.getsockname())
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        left = self._break_after_bytes
        with client, socket.create_connection(self._target) as server:
            server.sendall(client.recv(1 << 16))
            while left > 0 and (data := server.recv(min(left, 1 << 16))):
                client.sendall(data)
                left -= len(data)


def test_a_blob_is_an_object_named_by_its_sha1(
    store: BucketStore, bucket: ObjectStore
) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    assert [found["path"] for page in obstore.list(bucket) for found in page] == [PLACE]
    assert bytes(obstore.get(bucket, PLACE).bytes()) == CONTENT


def test_an_uncommitted_blob_causes_no_request(store_at: StoreAt) -> None:
    store = store_at(f"{UNREACHABLE}unreachable.test")
    writer = store.receive(CHECKSUM)

    taken = writer.write(CONTENT)
    writer.discard()

    assert taken == len(CONTENT)


def test_scratch_files_are_removed_after_use(
    store: BucketStore, tmp_path: Path
) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []

    with store.on_disk(CHECKSUM) as path:
        assert path.is_relative_to(tmp_path)

    assert not path.exists()


def test_stale_files_are_removed_only_in_its_own_folder(
    store: BucketStore, tmp_path: Path
) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))
    left, not_ours = tmp_path / "bucket" / "left", tmp_path / "not-ours"
    for path in (left, not_ours):
        path.touch()
        os.utime(path, (0, 0))
    writer = store.receive(CHECKSUM)

    removed = store.remove_stale(older_than=timedelta(hours=1))

    assert removed == 1
    assert not_ours.exists()
    writer.write(CONTENT)
    assert writer.commit() == len(CONTENT)


def test_other_objects_are_not_listed(store: BucketStore, bucket: ObjectStore) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))
    for name in ("README", "a9/99/README", f"a9/98/{CHECKSUM}", f"x/{PLACE}"):
        obstore.put(bucket, name, b"")

    assert list(store) == [CHECKSUM]


def test_a_broken_download_is_resumed(
    s3_server: S3Server, store_at: StoreAt, no_retries: None
) -> None:
    prefix = uuid4().hex
    store_at(s3_server.url(prefix)).put(Checksum.of(LARGE), BytesIO(LARGE))
    proxy = BreakingConnections(s3_server.endpoint, break_after_bytes=6 * MIB)
    behind = S3Server(
        proxy.endpoint, "bkt", s3_server.access_key_id, s3_server.secret_access_key
    )

    with store_at(behind.url(prefix)).open(Checksum.of(LARGE), start=1) as content:
        read = content.read()

    assert read == LARGE[1:]
    assert proxy.accepted >= 4
    proxy.close()


def test_a_download_without_progress_fails(
    s3_server: S3Server, store_at: StoreAt, no_retries: None
) -> None:
    prefix = uuid4().hex
    store_at(s3_server.url(prefix)).put(Checksum.of(LARGE), BytesIO(LARGE))
    proxy = BreakingConnections(s3_server.endpoint, break_after_bytes=10_000)
    behind = S3Server(
        proxy.endpoint, "bkt", s3_server.access_key_id, s3_server.secret_access_key
    )

    with (
        store_at(behind.url(prefix)).open(Checksum.of(LARGE)) as content,
        pytest.raises(StorageUnavailable),
    ):
        content.read()

    proxy.close()


def assert_unavailable(store: BucketStore) -> None:
    for attempt in (
        lambda: store.put(CHECKSUM, BytesIO(CONTENT)),
        lambda: store.open(CHECKSUM),
        lambda: store.open(CHECKSUM, start=1),
        lambda: store.on_disk(CHECKSUM).__enter__(),
        lambda: store.delete(CHECKSUM),
        lambda: CHECKSUM in store,
        lambda: list(store),
    ):
        with pytest.raises(StorageUnavailable) as error:
            attempt()
        assert str(error.value) == str(StorageUnavailable())
        assert error.value.__cause__ is not None


def test_a_wrong_key_is_unavailable(s3_server: S3Server, store_at: StoreAt) -> None:
    stranger = S3Server(s3_server.endpoint, "bkt", s3_server.access_key_id, "guessed")

    assert_unavailable(store_at(stranger.url()))


def test_a_missing_bucket_is_unavailable_and_not_empty(
    s3_server: S3Server, store_at: StoreAt
) -> None:
    nowhere = s3_server.url().replace("s3://bkt/", "s3://no-such-bucket/")
    store = store_at(nowhere)

    with pytest.raises(StorageUnavailable):
        store.open(CHECKSUM)
    with pytest.raises(StorageUnavailable):
        _ = CHECKSUM in store


def test_a_silent_bucket_is_unavailable(
    mute_endpoint: str, store_at: StoreAt, impatient: None
) -> None:
    began_at = time.monotonic()

    assert_unavailable(store_at(UNREACHABLE + mute_endpoint))

    assert time.monotonic() - began_at < 8


def test_an_unreachable_bucket_is_soon_unavailable(
    refusing_endpoint: str, store_at: StoreAt
) -> None:
    store = store_at(UNREACHABLE + refusing_endpoint)
    began_at = time.monotonic()

    with pytest.raises(StorageUnavailable):
        store.open(CHECKSUM)

    assert time.monotonic() - began_at < 10


def test_an_unusable_scratch_folder_is_unavailable(
    bucket: ObjectStore, tmp_path: Path
) -> None:
    (tmp_path / "scratch").write_text("a file, where a folder should be")
    store = BucketStore(bucket, tmp_path / "scratch")

    with pytest.raises(StorageUnavailable):
        store.receive(CHECKSUM)


def test_a_forked_process_raises_instead_of_hanging(
    store: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))
    monkeypatch.setattr(os, "getpid", lambda: 0)

    with pytest.raises(RuntimeError, match="forked"):
        store.open(CHECKSUM)


def test_a_signed_url_is_for_one_blob_and_expires(
    bucket: ObjectStore, store: BucketStore
) -> None:
    other = Checksum.of(b"other bytes")
    for content in (CONTENT, b"other bytes"):
        obstore.put(bucket, blob_path(Checksum.of(content)), content)
    soon = store.signed_url(CHECKSUM, valid_for=timedelta(seconds=1))
    later = store.signed_url(CHECKSUM, valid_for=timedelta(minutes=1))
    time.sleep(2.1)  # its clock counts in seconds

    refused = []
    for url in (
        soon,
        later.replace(blob_path(CHECKSUM), blob_path(other)),
    ):
        with pytest.raises(HTTPError) as refusal:
            urlopen(url)  # noqa: S310  # of our own server
        refused.append(refusal.value.code)
        refusal.value.close()

    assert refused == [403, 403]
