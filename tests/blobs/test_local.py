import hashlib
import os
import resource
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from symdepot.blobs.local import LocalStore
from symdepot.domain.errors import StorageUnavailable
from symdepot.domain.ids import Checksum

CONTENT = b"abc"
CHECKSUM = Checksum.of(CONTENT)
PLACE = "a9/99/a9993e364706816aba3e25717850c26c9cd0d89d"
HOUR = timedelta(hours=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def store(root: Path) -> LocalStore:
    return LocalStore(root)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Note what is synced, and what is made and renamed between."""
    steps: list[str] = []
    fsync, mkdir, replace = os.fsync, os.mkdir, os.replace

    def short(path: str | Path) -> str:
        text = str(Path(path).relative_to(tmp_path.parent))
        return "/".join(["parent", *text.split("/")[1:]]).split("-")[0]

    def noted_fsync(descriptor: int) -> None:
        steps.append(f"sync {short(os.readlink(f'/proc/self/fd/{descriptor}'))}")  # noqa: PTH115
        fsync(descriptor)

    def noted_mkdir(path: Path, mode: int = 0o777) -> None:
        mkdir(path, mode)
        steps.append(f"make {short(path)}")

    def noted_replace(source: Path, target: Path) -> None:
        replace(source, target)
        steps.append(f"rename to {short(target)}")

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "mkdir", noted_mkdir)
    monkeypatch.setattr(os, "replace", noted_replace)
    return steps


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """Let the kernel take no more than 100,000 bytes of any file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files_under(folder: Path) -> list[str]:
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()]


def test_a_blob_is_a_file_named_by_its_sha1(store: LocalStore, root: Path) -> None:
    contents = [CONTENT, b"", b"more bytes"]

    for content in contents:
        store.put(Checksum.of(content), BytesIO(content))

    sha1_by_file = {
        path: hashlib.sha1((root / path).read_bytes()).hexdigest()  # noqa: S324
        for path in files_under(root)
    }
    assert PLACE in sha1_by_file
    assert len(sha1_by_file) == len(contents)
    assert all(
        path == f"{sha1[:2]}/{sha1[2:4]}/{sha1}" for path, sha1 in sha1_by_file.items()
    )


def test_blobs_have_the_permissions_of_the_umask(store: LocalStore, root: Path) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    mask = os.umask(0o022)
    os.umask(mask)
    assert (root / PLACE).stat().st_mode & 0o777 == 0o666 & ~mask


def test_bytes_and_folders_are_synced_before_commit_returns(
    store: LocalStore, steps: list[str]
) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    assert steps == [
        "make parent/blobs",
        "sync parent",
        "make parent/blobs/incoming",
        "sync parent/blobs",
        f"sync parent/blobs/incoming/{CHECKSUM}",
        "make parent/blobs/a9",
        "sync parent/blobs",
        "make parent/blobs/a9/99",
        "sync parent/blobs/a9",
        f"rename to parent/blobs/{PLACE}",
        "sync parent/blobs/a9/99",
    ]


def test_existing_folders_are_synced_once(
    store: LocalStore, root: Path, steps: list[str]
) -> None:
    (root / "incoming").mkdir(parents=True)
    (root / PLACE).parent.mkdir(parents=True)
    steps.clear()

    store.put(CHECKSUM, BytesIO(CONTENT))
    steps_of_first = steps.copy()
    steps.clear()
    store.put(CHECKSUM, BytesIO(CONTENT))

    keeping = [
        f"rename to parent/blobs/{PLACE}",
        "sync parent/blobs/a9/99",
    ]
    assert steps_of_first == [
        "sync parent/blobs",
        f"sync parent/blobs/incoming/{CHECKSUM}",
        "sync parent/blobs",
        "sync parent/blobs/a9",
        *keeping,
    ]
    assert steps == [f"sync parent/blobs/incoming/{CHECKSUM}", *keeping]


def test_a_removed_folder_is_created_again(store: LocalStore, root: Path) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))
    store.delete(CHECKSUM)
    for folder in (root / "a9/99", root / "a9", root / "incoming"):
        folder.rmdir()

    store.put(CHECKSUM, BytesIO(CONTENT))

    assert CHECKSUM in store


def test_a_deleted_blob_can_be_read_to_its_end(store: LocalStore) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    with store.open(CHECKSUM) as content:
        store.delete(CHECKSUM)
        read = content.read()

    assert read == CONTENT


def test_on_disk_is_the_blob_itself(store: LocalStore, root: Path) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))

    with store.on_disk(CHECKSUM) as path:
        assert path == root / PLACE


def test_stale_files_are_removed_but_not_active_ones(
    store: LocalStore, root: Path
) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))
    left = root / "incoming" / f"{CHECKSUM}-0123456789abcdef"
    left.write_bytes(b"a")
    os.utime(left, (0, 0))
    os.utime(root / PLACE, (0, 0))
    writer = store.receive(CHECKSUM)

    removed = store.remove_stale(older_than=HOUR)

    assert removed == 1
    assert not left.exists()
    assert list(store) == [CHECKSUM]
    writer.write(CONTENT)
    assert writer.commit() == len(CONTENT)


def test_an_empty_store_has_no_stale_files(store: LocalStore) -> None:
    assert store.remove_stale(older_than=HOUR) == 0


def test_other_files_are_not_listed(store: LocalStore, root: Path) -> None:
    store.put(CHECKSUM, BytesIO(CONTENT))
    for name in (
        "README",
        "a9/README",
        "a9/99/README",
        f"a9/98/{CHECKSUM}",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "lost+found").symlink_to("lost+found")  # as unreadable as it is elsewhere

    assert list(store) == [CHECKSUM]


def test_a_write_to_a_full_disk_is_unavailable_and_leaves_no_file(
    store: LocalStore, root: Path, small_files_only: None
) -> None:
    content = bytes(150_000)
    writer = store.receive(Checksum.of(content))

    with pytest.raises(StorageUnavailable):
        writer.write(content)

    assert (root / files_under(root)[0]).stat().st_size == 100_000
    writer.discard()
    assert files_under(root) == []


def test_a_put_to_a_full_disk_leaves_no_file(
    store: LocalStore, root: Path, small_files_only: None
) -> None:
    content = bytes(150_000)

    with pytest.raises(StorageUnavailable):
        store.put(Checksum.of(content), BytesIO(content))

    assert files_under(root) == []


def test_a_failed_sync_stores_nothing(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store.receive(CHECKSUM)
    writer.write(CONTENT)
    monkeypatch.setattr(os, "fsync", broken_fsync)

    with pytest.raises(StorageUnavailable):
        writer.commit()

    assert files_under(root) == []


def broken_fsync(descriptor: int) -> None:
    raise OSError(5, "Input/output error")


def test_system_errors_are_only_in_the_cause(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file, where the store's folder should be")
    store = LocalStore(tmp_path / "blobs")

    errors = []
    for attempt in (
        lambda: store.put(CHECKSUM, BytesIO(CONTENT)),
        lambda: store.open(CHECKSUM),
        lambda: CHECKSUM in store,
        lambda: store.delete(CHECKSUM),
        lambda: store.on_disk(CHECKSUM).__enter__(),
        lambda: store.remove_stale(older_than=HOUR),
    ):
        with pytest.raises(StorageUnavailable) as error:
            attempt()
        errors.append(error.value)

    assert {str(error) for error in errors} == {str(StorageUnavailable())}
    assert all(isinstance(error.__cause__, OSError) for error in errors)
