"""Equal bytes are stored once, as long as a file needs them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_project,
    files_url,
    keep,
    own,
    pieces,
    upload,
)
from tests.protocols.sentry.zip_uploads import posted, zipped

from symdepot.blobs.store import blob_path
from symdepot.domain.ids import Checksum
from symdepot.uploads.models import Chunk, File, FileChunk

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=4)


@pytest.fixture(autouse=True)
def scratch(settings: Settings) -> Iterator[Path]:
    """The scratch folder. No joined file may be left in it."""
    folder = Path(settings.SCRATCH_DIR)
    yield folder
    assert not folder.exists() or list(folder.rglob("joined-*")) == []


def blobs(disk: Path) -> dict[str, bytes]:
    """Return the blobs of the store: content by path."""
    found = [path for path in disk.rglob("?" * 40) if path.is_file()]
    return {path.relative_to(disk).as_posix(): path.read_bytes() for path in found}


def let_grow_old() -> None:
    """Make all chunks and files older than what garbage collection spares."""
    now = timezone.now()
    Chunk.objects.update(received_at=now - LONG_AGO)
    File.objects.update(created_at=now - LONG_AGO + timedelta(hours=1))


def delete(client: Client, row_id: str) -> None:
    assert client.delete(files_url() + f"?id={row_id}").status_code == 204


@pytest.mark.upstream(93)
def test_the_same_bytes_are_one_row_and_one_blob(disk: Path) -> None:
    project, content = a_project(), uuid4().bytes

    own(project, content)
    [first] = Chunk.objects.all()
    own(a_project("elsewhere", organization="other"), content)

    assert list(Chunk.objects.all()) == [first]
    assert first.checksum == Checksum.of(content).hex
    assert blobs(disk) == {blob_path(Checksum.of(content)): content}


@pytest.mark.upstream(94)
def test_blobs_are_two_folders_deep(disk: Path) -> None:
    contents = [b"%d" % n for n in range(300)]

    keep(*contents)

    places = blobs(disk)
    assert len(places) == 300
    for place, content in places.items():
        outer, inner, name = place.split("/")
        assert (name, outer + inner) == (Checksum.of(content).hex, name[:4])


@pytest.mark.upstream(96)
def test_a_zip_upload_adds_no_blobs_for_known_chunks(
    disk: Path, settings: Settings
) -> None:
    settings.CHUNK_SIZE = 64
    a_project()
    content = a_breakpad_file()
    upload(a_client(), content, piece=64)
    known = blobs(disk)
    assert len(known) == len(pieces(content, 64)) > 1

    again = posted(zipped({"hello.sym": content}))
    longer = content + b"INFO more\n"
    assert posted(zipped({"longer.sym": longer})).status_code == 201

    assert again.json() == []
    new = set(pieces(longer, 64)) - set(pieces(content, 64))
    assert sorted(blobs(disk).values()) == sorted([*known.values(), *new])


@pytest.mark.upstream(97)
def test_deleting_an_old_file_deletes_its_chunks_and_blobs(
    disk: Path,
) -> None:
    a_project()
    client = a_client()
    found = upload(client, a_breakpad_file(), piece=40)
    let_grow_old()

    delete(client, found["dif"]["id"])

    assert not File.objects.exists()
    assert not FileChunk.objects.exists()
    assert not Chunk.objects.exists()
    assert blobs(disk) == {}


@pytest.mark.upstream(98)
def test_deleting_a_file_keeps_chunks_shared_with_another(
    disk: Path,
) -> None:
    a_project()
    client, shared = a_client(), b"INFO shared\n" * 20
    one, two = (a_breakpad_file().ljust(256, b"\n") for _ in range(2))
    gone, stays = (
        upload(client, head + shared + head, piece=256) for head in (one, two)
    )
    let_grow_old()

    delete(client, gone["dif"]["id"])

    content = two + shared + two
    assert sorted(blobs(disk).values()) == sorted(set(pieces(content, 256)))
    body = client.get(files_url(), {"id": stays["dif"]["id"]})
    assert body.getvalue() == content


@pytest.mark.upstream(85)
@pytest.mark.parametrize("piece", [1 << 20, 40])
def test_a_zip_upload_leaves_no_scratch_files(
    disk: Path, scratch: Path, settings: Settings, piece: int
) -> None:
    settings.CHUNK_SIZE = piece
    content = a_breakpad_file()

    answer = posted(zipped({"README.txt": b"no debug file", "hello.sym": content}))

    [row] = answer.json()
    assert row["sha1"] == Checksum.of(content).hex
    left = [path for path in scratch.rglob("*") if path.is_file()]
    assert left == []
    kept = set(blobs(disk).values())
    assert set(pieces(content, piece)) <= kept
    client = a_client()
    for _ in range(2):
        body = client.get(files_url(), {"id": row["id"]})
        assert body.getvalue() == content
    assert [path for path in scratch.rglob("*") if path.is_file()] == []
