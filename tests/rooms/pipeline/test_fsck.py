"""Rows and bytes are compared, and what is wrong is found, named and led to its cure."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.utils import timezone
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_file,
    a_project,
    own,
    pieces,
    polled,
    send,
    standing,
    upload,
)
from tests.row_ages import age_everything

from symdepot.blobs.configured import blob_store
from symdepot.blobs.memory import MemoryStore
from symdepot.debugfiles import project_files
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobMissing
from symdepot.domain.ids import Checksum
from symdepot.pipeline.fsck import checker, repair
from symdepot.pipeline.fsck.report import FsckReport
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads.models import (
    Assembly,
    Chunk,
    ChunkOwner,
    File,
    FileChunk,
    State,
)

pytestmark = pytest.mark.django_db

PIECE = 64


@pytest.fixture(autouse=True)
def without_symcaches(settings: object) -> None:
    """What else an upload makes is not what these tests count."""
    settings.SYMCACHES = False  # type: ignore[attr-defined]  # pytest-django's


def checked(*, hashing: bool = True) -> list[tuple[str, str]]:
    made = checker.check(hashing=hashing)
    return sorted((f.fault.value, f.subject.value) for f in made.findings)


def rot(content: bytes, into: bytes | None = None) -> None:
    """Let the blob of `content` become something else, of the same size if not said."""
    store = blob_store()
    assert isinstance(store, MemoryStore)
    name = Checksum.of(content)
    store._blobs[name] = b"~" * len(content) if into is None else into  # noqa: SLF001  # there is no other way to do damage


def a_large_file() -> bytes:
    return a_breakpad_file(records=[f"PUBLIC {n:x} 0 name{n}" for n in range(20)])


def read(row: DebugFile) -> bytes:
    return b"".join(
        blob_store().open(chunk).read()
        for chunk, _ in project_files.file_content(row).chunks
    )


def a_symcache(file: File, content: bytes) -> SymCache:
    blob_store().put(Checksum.of(content), BytesIO(content))
    return SymCache.objects.create(
        file=file,
        debug_id="1",
        arch="x86_64",
        version=1,
        outcome=Outcome.MADE,
        checksum=Checksum.of(content).hex,
        size_bytes=len(content),
        updated_at=timezone.now(),
    )


def test_what_is_sound_is_found_to_be() -> None:
    project = a_project()
    upload(a_client(), a_large_file(), piece=PIECE)
    a_symcache(a_debug_file(project).file, b"symcache")
    own(project, b"loose")

    made = checker.check(hashing=True)

    assert made == FsckReport(
        findings=[],
        blobs=Chunk.objects.count() + 1,
        size_bytes=sum(blob.size_bytes for blob in blob_store().stored()),
        young_blobs=0,
        files=2,
    )


def test_a_chunk_that_rotted_is_found_and_the_file_is_named() -> None:
    a_project()
    content = a_large_file()
    row_id = upload(a_client(), content, piece=PIECE)["dif"]["id"]
    rot(pieces(content, PIECE)[1])

    (finding,) = checker.check(hashing=True).findings

    assert (finding.fault, finding.subject) == ("damaged", "chunk")
    assert finding.checksum == Checksum.of(pieces(content, PIECE)[1])
    assert finding.affected == (f"acme/game: {DebugFile.objects.get(pk=row_id)}",)


def test_without_reading_only_presence_and_size_are_seen() -> None:
    project = a_project()
    for content in (b"rotten", b"shorter", b"gone", b"sound"):
        a_debug_file(project, content)
    rot(b"rotten")
    rot(b"shorter", into=b"short")
    blob_store().delete(Checksum.of(b"gone"))

    assert checked(hashing=False) == [("damaged", "chunk"), ("missing", "chunk")]
    assert checked() == [
        ("damaged", "chunk"),
        ("damaged", "chunk"),
        ("missing", "chunk"),
    ]


def test_a_row_that_tells_a_wrong_size_is_set_right() -> None:
    project = a_project()
    a_debug_file(project, b"content")
    Chunk.objects.update(size_bytes=8)
    ChunkOwner.objects.update(size_bytes=8)
    made = checker.check(hashing=True)
    assert sorted(f.fault for f in made.findings) == ["incomplete", "wrong-size"]

    repair.repair(f for f in made.findings if f.fault == "wrong-size")

    assert checked() == []
    assert ChunkOwner.objects.get().size_bytes == Chunk.objects.get().size_bytes == 7


@pytest.mark.parametrize("is_gone", [False, True])
def test_after_a_repair_the_next_upload_sends_just_what_is_damaged_and_heals_it(
    *, is_gone: bool
) -> None:
    a_project()
    client, content = a_client(), a_large_file()
    row = DebugFile.objects.get(pk=upload(client, content, piece=PIECE)["dif"]["id"])
    bad = pieces(content, PIECE)[1]
    if is_gone:
        blob_store().delete(Checksum.of(bad))
    else:
        rot(bad)
    assert standing(client, content, piece=PIECE)["state"] == "ok"

    repaired = repair.repair(checker.check(hashing=True).findings)

    assert len(repaired) == 1
    assert polled(client, content)["state"] == "not_found"
    asked = standing(client, content, piece=PIECE)
    assert asked["state"] == "not_found"
    assert asked["missingChunks"] == [Checksum.of(bad).hex]

    assert send(client, bad).status_code == 200
    healed = standing(client, content, piece=PIECE)
    assert (healed["state"], healed["dif"]["id"]) == ("ok", str(row.pk))
    assert read(row) == content
    assert DebugFile.objects.count() == File.objects.count() == 1
    assert checked() == []


def test_a_damaged_file_is_healed_by_an_upload_in_other_chunks_too() -> None:
    a_project()
    client, content = a_client(), a_large_file()
    upload(client, content, piece=PIECE)
    rot(pieces(content, PIECE)[1])
    repair.repair(checker.check(hashing=True).findings)

    assert upload(client, content, piece=2 * PIECE)["state"] == "ok"

    row = DebugFile.objects.get()
    assert read(row) == content
    assert len(project_files.file_content(row).chunks) == len(
        pieces(content, 2 * PIECE)
    )


def test_what_another_upload_healed_is_found_again_after_a_repair() -> None:
    project, client, content = a_project(), a_client(), a_large_file()
    upload(client, content, piece=PIECE)
    bad = pieces(content, PIECE)[0]
    rot(bad)
    repair.repair(checker.check(hashing=True).findings)
    own(project, bad)
    made = checker.check(hashing=True)
    assert [f.fault for f in made.findings] == ["sound-but-held-for-damaged"]

    repair.repair(made.findings)

    assert standing(client, content, piece=PIECE)["state"] == "ok"
    assert checked() == []


def test_without_reading_nothing_is_held_for_sound() -> None:
    a_project()
    client, content = a_client(), a_large_file()
    upload(client, content, piece=PIECE)
    rot(pieces(content, PIECE)[0])
    repair.repair(checker.check(hashing=True).findings)

    repair.repair(checker.check(hashing=False).findings)

    assert standing(client, content, piece=PIECE)["state"] == "not_found"


def test_a_damaged_chunk_that_no_file_has_is_forgotten() -> None:
    own(a_project(), b"loose")
    rot(b"loose")

    repair.repair(checker.check(hashing=True).findings)

    assert checked() == []
    assert not Chunk.objects.exists()
    assert list(blob_store()) == []


def test_what_was_healed_since_it_was_found_is_left_alone() -> None:
    project = a_project()
    a_debug_file(project, b"content")
    rot(b"content")
    made = checker.check(hashing=True)
    own(project, b"content")

    assert repair.repair(made.findings) == []

    assert ChunkOwner.objects.exists()
    assert File.objects.get().damaged_at is None


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_damaged_symcache_is_made_again(*, is_gone: bool) -> None:
    made = a_symcache(a_debug_file(a_project()).file, b"symcache")
    if is_gone:
        blob_store().delete(Checksum.of(b"symcache"))
    else:
        rot(b"symcache")
    fault = "missing" if is_gone else "damaged"
    assert checked() == [(fault, "symcache")]

    repair.repair(checker.check(hashing=True).findings)

    made.refresh_from_db()
    assert made.outcome == Outcome.QUEUED
    assert Checksum.of(b"symcache") not in blob_store()
    assert checked() == []


def test_a_symcache_and_a_chunk_of_the_same_bytes_are_both_found() -> None:
    project = a_project()
    a_symcache(a_debug_file(project, b"content").file, b"content")
    rot(b"content")

    assert checked() == [("damaged", "chunk"), ("damaged", "symcache")]


def test_old_orphans_are_found_and_young_ones_counted_apart() -> None:
    blob_store().put(Checksum.of(b"old"), BytesIO(b"old"))
    age_everything(timedelta(hours=25))
    blob_store().put(Checksum.of(b"young"), BytesIO(b"young"))

    made = checker.check(hashing=True)

    assert [(f.fault, f.checksum) for f in made.findings] == [
        ("orphan", Checksum.of(b"old"))
    ]
    assert made.young_blobs == 1
    repair.repair(made.findings)
    assert list(blob_store()) == [Checksum.of(b"young")]


@pytest.mark.parametrize("damage", ["one less", "none", "swapped places"])
def test_a_file_that_its_chunks_do_not_make_is_found_and_healed(damage: str) -> None:
    a_project()
    client, content = a_client(), a_large_file()
    upload(client, content, piece=PIECE)
    parts = FileChunk.objects.order_by("-position")
    if damage == "none":
        parts.delete()
    elif damage == "one less":
        parts[0].delete()
    else:
        FileChunk.objects.filter(position=0).update(position=1000)
    assert checked() == [("incomplete", "file")]

    repair.repair(checker.check(hashing=True).findings)

    assert upload(client, content, piece=PIECE)["state"] == "ok"
    assert read(DebugFile.objects.get()) == content
    assert checked() == []


def test_an_ok_without_a_debug_file_is_found_and_taken_back() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    upload(client, content)
    DebugFile.objects.all().delete()
    assert checked() == [("ok-without-debug-file", "upload")]

    repair.repair(checker.check(hashing=True).findings)

    assert not Assembly.objects.filter(state=State.OK).exists()
    assert checked() == []


def test_repeated_chunks_are_no_fault() -> None:
    a_file(a_project(), b"twice", b"once", b"twice")

    assert checked() == []


def test_damage_that_an_upload_runs_into_makes_all_files_that_have_it_missing() -> None:
    a_project()
    client, content = a_client(), a_large_file()
    upload(client, content, piece=PIECE)
    rot(pieces(content, PIECE)[0])
    longer = content + b"PUBLIC ff 0 more\n" * 8

    told = upload(client, content[:PIECE] + longer[PIECE:], piece=PIECE)

    # It was sent again, and so it is healed.
    assert told["state"] == "ok"
    assert checked() == []


def test_a_blob_that_is_gone_says_so_to_whoever_reads() -> None:
    row = a_debug_file(a_project(), b"content")
    blob_store().delete(Checksum.of(b"content"))

    with pytest.raises(BlobMissing):
        read(row)
