from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from django.test import override_settings
from tests.contracts.seaweed import S3Server

from symdepot.blobs.buckets import BucketStore
from symdepot.blobs.configured import blob_store
from symdepot.blobs.local import LocalStore
from symdepot.blobs.memory import MemoryStore
from symdepot.blobs.store import BlobStore
from symdepot.blobs.store_id_guard import GuardedStore
from symdepot.domain.ids import Checksum

pytestmark = pytest.mark.django_db

type Choose = Callable[[str], BlobStore]


@pytest.fixture
def choose(tmp_path: Path) -> Iterator[Choose]:
    def choose(url: str) -> BlobStore:
        blob_store.cache_clear()
        with override_settings(BLOB_URL=url, SCRATCH_DIR=tmp_path / "scratch"):
            return blob_store()

    yield choose
    blob_store.cache_clear()


def unguarded(store: BlobStore) -> BlobStore:
    assert isinstance(store, GuardedStore)
    return store._inner  # noqa: SLF001 -- only a test looks behind it


def test_a_file_url_names_a_folder(choose: Choose, tmp_path: Path) -> None:
    store = choose((tmp_path / "with spaces, 100%").as_uri())

    store.put(Checksum.of(b"abc"), BytesIO(b"abc"))
    assert isinstance(unguarded(store), LocalStore)
    assert (tmp_path / "with spaces, 100%" / "a9" / "99").is_dir()


def test_memory_is_one_store_for_each_process(choose: Choose) -> None:
    store = choose("memory://")

    assert isinstance(store, MemoryStore)
    assert blob_store() is store


def test_an_s3_url_names_a_bucket_and_a_prefix(
    choose: Choose, s3_server: S3Server, tmp_path: Path
) -> None:
    store = choose(s3_server.url("some/prefix"))

    store.put(Checksum.of(b"abc"), BytesIO(b"abc"))
    assert isinstance(unguarded(store), BucketStore)
    assert list(store) == [Checksum.of(b"abc")]
    assert list(unguarded(choose(s3_server.url("some")))) == []
    assert (tmp_path / "scratch").is_dir()


def test_a_gs_url_names_a_bucket_of_google(choose: Choose) -> None:
    assert isinstance(unguarded(choose("gs://bucket/prefix")), BucketStore)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "must begin with one of file://, memory://, s3://, gs://, az://"),
        ("/srv/blobs", "must begin with one of"),
        ("https://hush@host/bucket", "must begin with one of"),
        ("file://srv/blobs", "absolute path"),
        ("file:", "absolute path"),
        ("s3://", "the name of a bucket"),
        ("s3:///prefix", "the name of a bucket"),
        ("s3://bucket?timeout=hush", "timeout: not an option of a s3 bucket"),
        ("s3://bucket?endpoint=hush", "must begin with http:// or https://"),
        ("s3://bucket?unsigned_payload=hush", "The s3 bucket bucket cannot be used"),
        ("gs://bucket?region=hush", "region: not an option of a gs bucket"),
    ],
)
def test_a_bad_url_is_explained_without_its_secrets(
    choose: Choose, url: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint) as error:
        choose(url)

    assert "hush" not in str(error.value)
