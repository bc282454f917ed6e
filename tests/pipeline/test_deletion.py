"""Deletion of a debug file with what only it refers to, rows first and blobs last."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from structlog.typing import EventDict
from tests.factories import (
    a_client,
    a_debug_file,
    a_file,
    a_project,
    files_url,
    own,
    send,
)

from symdepot.blobs.configured import blob_store
from symdepot.blobs.store import blob_path
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline.gc import deletion
from symdepot.projects.models import AuditEntry
from symdepot.projects.tokens import Scope
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads import chunks
from symdepot.uploads.models import Assembly, Chunk, File, State

pytestmark = pytest.mark.django_db


def test_blobs_whose_chunk_is_uploaded_again_before_their_deletion_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row, uploader = a_debug_file(a_project(), b"content"), a_client()
    calls, freeing = count(1), chunks.freeing

    @contextmanager
    def freeing_after_upload() -> Iterator[None]:
        if next(calls) == 2:
            assert send(uploader, b"content").status_code == 200
        with freeing():
            yield

    monkeypatch.setattr(chunks, "freeing", freeing_after_upload)
    deletion.delete_debug_file(row, by="caller")

    assert next(calls) == 3
    assert Chunk.objects.get().checksum == Checksum.of(b"content").hex
    assert Checksum.of(b"content") in blob_store()


def test_a_chunk_freed_before_it_is_recorded_must_be_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = a_project()
    row, uploader = a_debug_file(project, b"content"), a_client()
    record_chunks = chunks.record_chunks

    def record_after_deletion(*arguments: Any, **options: Any) -> None:
        monkeypatch.undo()
        deletion.delete_debug_file(row, by="caller")
        record_chunks(*arguments, **options)

    monkeypatch.setattr(chunks, "record_chunks", record_after_deletion)
    answer = send(uploader, b"content")

    assert answer.status_code == 503
    assert answer["Retry-After"] == "1"
    assert not Chunk.objects.exists()
    assert send(uploader, b"content").status_code == 200


@pytest.mark.upstream(70)
def test_the_file_stays_until_its_last_debug_file_is_deleted() -> None:
    project = a_project()
    one, two = a_debug_file(project, b"content"), a_debug_file(project, b"content")
    Assembly.objects.create(
        project=project,
        checksum=Checksum.of(b"content").hex,
        state=State.OK,
        updated_at=one.created_at,
    )

    deletion.delete_debug_file(one, by="caller")
    assert list(DebugFile.objects.all()) == [two]
    assert Assembly.objects.count() == File.objects.count() == 1

    deletion.delete_debug_file(two, by="caller")
    assert not Assembly.objects.exists()
    assert not File.objects.exists()


@pytest.mark.upstream(97, 98)
def test_deletion_frees_only_unshared_chunks() -> None:
    project = a_project()
    row = a_debug_file(project)
    mine = [b"mine %d" % n for n in range(50)]
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(project, *mine, b"shared"))
    a_file(project, b"shared", b"theirs")
    File.objects.filter(pk=row.file.pk).delete()
    row.refresh_from_db()

    deletion.delete_debug_file(row, by="caller")

    assert set(Chunk.objects.values_list("checksum", flat=True)) >= {
        Checksum.of(b"shared").hex,
        Checksum.of(b"theirs").hex,
    }
    assert not {Checksum.of(content) for content in mine} & set(blob_store())


def test_the_number_of_queries_does_not_grow_with_the_number_of_chunks(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    project = a_project()
    row = a_debug_file(project)
    many = [b"%d" % n for n in range(64)]
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(project, *many))
    row.refresh_from_db()

    with django_assert_max_num_queries(55):
        deletion.delete_debug_file(row, by="caller")


def test_deletion_keeps_chunks_without_a_file() -> None:
    project = a_project()
    own(project, b"loose")

    deletion.delete_debug_file(a_debug_file(project, b"content"), by="caller")

    assert list(blob_store()) == [Checksum.of(b"loose")]


def test_deletion_is_in_the_audit_log() -> None:
    a_project()
    row = a_debug_file(a_project(), b"content")
    client = a_client(scopes=[Scope.WRITE])

    assert client.delete(files_url() + f"?id={row.pk}").status_code == 204

    entry = AuditEntry.objects.get(action="debug-file.deleted")
    assert entry.actor.startswith("token …")
    assert (entry.project_slug, entry.subject) == ("game", str(row))
    assert entry.details == {"checksum": Checksum.of(b"content").hex}


def test_deletion_includes_symcaches() -> None:
    row = a_debug_file(a_project(), b"content")
    symcache = Checksum.of(b"symcache")
    blob_store().put(symcache, BytesIO(b"symcache"))
    SymCache.objects.create(
        file=row.file,
        debug_id="1",
        arch="x86_64",
        version=1,
        outcome=Outcome.MADE,
        checksum=symcache.hex,
        size_bytes=8,
        updated_at=row.created_at,
    )

    deletion.delete_debug_file(row, by="caller")

    assert list(blob_store()) == []
    assert not SymCache.objects.exists()


def test_deletion_is_done_though_its_bytes_cannot_be_deleted(
    disk: Path, log: list[EventDict]
) -> None:
    row = a_debug_file(a_project(), b"content")
    blob = disk / blob_path(Checksum.of(b"content"))
    blob.unlink()
    blob.mkdir()  # no file, so that not even root can unlink it

    answer = a_client().delete(files_url() + f"?id={row.pk}")

    assert answer.status_code == 204
    assert not DebugFile.objects.exists()
    assert [entry["event"] for entry in log if entry["log_level"] == "warning"] == [
        "blobs.left"
    ]
