"""Faults between rows and blobs are found, reported and repaired."""

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
from symdepot.debugfiles import contents
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import ContentDamaged
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
    """Let uploads create no symcaches, which would change the counts."""
    settings.SYMCACHES = False  # type: ignore[attr-defined]  # pytest-django's


def faults_found(*, hashing: bool = True) -> list[tuple[str, str]]:
    report = checker.check(hashing=hashing)
    return sorted((f.fault.value, f.subject.value) for f in report.findings)


def corrupt(content: bytes, into: bytes | None = None) -> None:
    """Replace the blob of `content`, by default with one of the same size."""
    store = blob_store()
    assert isinstance(store, MemoryStore)
    name = Checksum.of(content)
    store._blobs[name] = b"~" * len(content) if into is None else into  # noqa: SLF001  # stores have no method to do damage


def a_large_file() -> bytes:
    return a_breakpad_file(records=[f"PUBLIC {n:x} 0 name{n}" for n in range(20)])


def read(row: DebugFile) -> bytes:
    return b"".join(
        blob_store().open(chunk).read()
        for chunk, _ in contents.file_content(row).chunks
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


def test_without_faults_the_report_has_only_totals() -> None:
    project = a_project()
    upload(a_client(), a_large_file(), piece=PIECE)
    a_symcache(a_debug_file(project).file, b"symcache")
    own(project, b"loose")

    report = checker.check(hashing=True)

    assert report == FsckReport(
        findings=[],
        blobs=Chunk.objects.count() + 1,
        size_bytes=sum(blob.size_bytes for blob in blob_store().stored()),
        young_blobs=0,
        files=2,
    )


def test_a_damaged_chunk_is_reported_with_the_affected_file() -> None:
    a_project()
    content = a_large_file()
    row_id = upload(a_client(), content, piece=PIECE)["dif"]["id"]
    corrupt(pieces(content, PIECE)[1])

    (finding,) = checker.check(hashing=True).findings

    assert (finding.fault, finding.subject) == ("damaged", "chunk")
    assert finding.checksum == Checksum.of(pieces(content, PIECE)[1])
    assert finding.affected == (f"acme/game: {DebugFile.objects.get(pk=row_id)}",)


def test_without_hashing_only_presence_and_size_are_checked() -> None:
    project = a_project()
    for content in (b"rotten", b"shorter", b"gone", b"sound"):
        a_debug_file(project, content)
    corrupt(b"rotten")
    corrupt(b"shorter", into=b"short")
    blob_store().delete(Checksum.of(b"gone"))

    assert faults_found(hashing=False) == [("damaged", "chunk"), ("missing", "chunk")]
    assert faults_found() == [
        ("damaged", "chunk"),
        ("damaged", "chunk"),
        ("missing", "chunk"),
    ]


def test_a_wrong_size_in_a_row_is_corrected() -> None:
    project = a_project()
    a_debug_file(project, b"content")
    Chunk.objects.update(size_bytes=8)
    ChunkOwner.objects.update(size_bytes=8)
    report = checker.check(hashing=True)
    assert sorted(f.fault for f in report.findings) == ["incomplete", "wrong-size"]

    repair.repair(f for f in report.findings if f.fault == "wrong-size")

    assert faults_found() == []
    assert ChunkOwner.objects.get().size_bytes == Chunk.objects.get().size_bytes == 7


@pytest.mark.parametrize("is_gone", [False, True])
def test_after_a_repair_the_next_upload_sends_only_the_damaged_chunk(
    *, is_gone: bool
) -> None:
    a_project()
    client, content = a_client(), a_large_file()
    row = DebugFile.objects.get(pk=upload(client, content, piece=PIECE)["dif"]["id"])
    bad = pieces(content, PIECE)[1]
    if is_gone:
        blob_store().delete(Checksum.of(bad))
    else:
        corrupt(bad)
    assert standing(client, content, piece=PIECE)["state"] == "ok"

    repaired = repair.repair(checker.check(hashing=True).findings)

    assert len(repaired) == 1
    assert polled(client, content)["state"] == "not_found"
    status = standing(client, content, piece=PIECE)
    assert status["state"] == "not_found"
    assert status["missingChunks"] == [Checksum.of(bad).hex]

    assert send(client, bad).status_code == 200
    healed = standing(client, content, piece=PIECE)
    assert (healed["state"], healed["dif"]["id"]) == ("ok", str(row.pk))
    assert read(row) == content
    assert DebugFile.objects.count() == File.objects.count() == 1
    assert faults_found() == []


def test_a_damaged_file_is_repaired_by_an_upload_with_other_chunks() -> None:
    a_project()
    client, content = a_client(), a_large_file()
    upload(client, content, piece=PIECE)
    corrupt(pieces(content, PIECE)[1])
    repair.repair(checker.check(hashing=True).findings)

    assert upload(client, content, piece=2 * PIECE)["state"] == "ok"

    row = DebugFile.objects.get()
    assert read(row) == content
    assert len(contents.file_content(row).chunks) == len(pieces(content, 2 * PIECE))


def test_a_file_marked_as_damaged_is_unmarked_when_its_chunks_are_intact() -> None:
    project, client, content = a_project(), a_client(), a_large_file()
    upload(client, content, piece=PIECE)
    bad = pieces(content, PIECE)[0]
    corrupt(bad)
    repair.repair(checker.check(hashing=True).findings)
    own(project, bad)
    report = checker.check(hashing=True)
    assert [f.fault for f in report.findings] == ["sound-but-held-for-damaged"]

    repair.repair(report.findings)

    assert standing(client, content, piece=PIECE)["state"] == "ok"
    assert faults_found() == []


def test_without_hashing_no_file_is_unmarked() -> None:
    a_project()
    client, content = a_client(), a_large_file()
    upload(client, content, piece=PIECE)
    corrupt(pieces(content, PIECE)[0])
    repair.repair(checker.check(hashing=True).findings)

    repair.repair(checker.check(hashing=False).findings)

    assert standing(client, content, piece=PIECE)["state"] == "not_found"


def test_a_damaged_chunk_without_a_file_is_deleted() -> None:
    own(a_project(), b"loose")
    corrupt(b"loose")

    repair.repair(checker.check(hashing=True).findings)

    assert faults_found() == []
    assert not Chunk.objects.exists()
    assert list(blob_store()) == []


def test_a_fault_that_no_longer_exists_is_not_repaired() -> None:
    project = a_project()
    a_debug_file(project, b"content")
    corrupt(b"content")
    report = checker.check(hashing=True)
    own(project, b"content")

    assert repair.repair(report.findings) == []

    assert ChunkOwner.objects.exists()
    assert File.objects.get().damaged_at is None


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_damaged_symcache_is_created_again(*, is_gone: bool) -> None:
    symcache = a_symcache(a_debug_file(a_project()).file, b"symcache")
    if is_gone:
        blob_store().delete(Checksum.of(b"symcache"))
    else:
        corrupt(b"symcache")
    fault = "missing" if is_gone else "damaged"
    assert faults_found() == [(fault, "symcache")]

    repair.repair(checker.check(hashing=True).findings)

    symcache.refresh_from_db()
    assert symcache.outcome == Outcome.QUEUED
    assert Checksum.of(b"symcache") not in blob_store()
    assert faults_found() == []


def test_a_damaged_blob_is_reported_for_its_chunk_and_its_symcache() -> None:
    project = a_project()
    a_symcache(a_debug_file(project, b"content").file, b"content")
    corrupt(b"content")

    assert faults_found() == [("damaged", "chunk"), ("damaged", "symcache")]


def test_young_blobs_without_a_row_are_not_orphans() -> None:
    blob_store().put(Checksum.of(b"old"), BytesIO(b"old"))
    age_everything(timedelta(hours=25))
    blob_store().put(Checksum.of(b"young"), BytesIO(b"young"))

    report = checker.check(hashing=True)

    assert [(f.fault, f.checksum) for f in report.findings] == [
        ("orphan", Checksum.of(b"old"))
    ]
    assert report.young_blobs == 1
    repair.repair(report.findings)
    assert list(blob_store()) == [Checksum.of(b"young")]


@pytest.mark.parametrize("damage", ["one less", "none", "swapped places"])
def test_an_incomplete_file_is_found_and_repaired_by_an_upload(damage: str) -> None:
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
    assert faults_found() == [("incomplete", "file")]

    repair.repair(checker.check(hashing=True).findings)

    assert upload(client, content, piece=PIECE)["state"] == "ok"
    assert read(DebugFile.objects.get()) == content
    assert faults_found() == []


def test_the_status_ok_without_a_debug_file_is_deleted() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    upload(client, content)
    DebugFile.objects.all().delete()
    assert faults_found() == [("ok-without-debug-file", "upload")]

    repair.repair(checker.check(hashing=True).findings)

    assert not Assembly.objects.filter(state=State.OK).exists()
    assert faults_found() == []


def test_a_repeated_chunk_is_no_fault() -> None:
    a_file(a_project(), b"twice", b"once", b"twice")

    assert faults_found() == []


def test_damage_found_by_an_upload_is_repaired_by_it() -> None:
    a_project()
    client, content = a_client(), a_large_file()
    upload(client, content, piece=PIECE)
    corrupt(pieces(content, PIECE)[0])
    longer = content + b"PUBLIC ff 0 more\n" * 8

    status = upload(client, content[:PIECE] + longer[PIECE:], piece=PIECE)

    # It was sent again, and so it is healed.
    assert status["state"] == "ok"
    assert faults_found() == []


def test_a_missing_blob_is_an_error_of_the_file() -> None:
    row = a_debug_file(a_project(), b"content")
    blob_store().delete(Checksum.of(b"content"))

    with pytest.raises(ContentDamaged):
        read(row)
