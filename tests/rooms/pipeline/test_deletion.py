"""What nobody refers to is forgotten, bytes last, and nobody is left without them."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import count

import pytest
from pytest_django import DjangoAssertNumQueries
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
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline.gc import deletion
from symdepot.projects.models import AuditEntry
from symdepot.projects.tokens import Scope
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads import chunks
from symdepot.uploads.models import Assembly, Chunk, File, State

pytestmark = pytest.mark.django_db


def test_bytes_whose_row_came_back_before_they_were_freed_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row, uploader = a_debug_file(a_project(), b"content"), a_client()
    turns, freeing = count(1), chunks.freeing

    @contextmanager
    def freeing_late() -> Iterator[None]:
        if next(turns) == 2:
            assert send(uploader, b"content").status_code == 200
        with freeing():
            yield

    monkeypatch.setattr(chunks, "freeing", freeing_late)
    deletion.delete_debug_file(row, by="somebody")

    assert next(turns) == 3
    assert Chunk.objects.get().checksum == Checksum.of(b"content").hex
    assert Checksum.of(b"content") in blob_store()


def test_a_chunk_that_was_freed_before_it_was_noted_is_refused_for_the_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = a_project()
    row, uploader = a_debug_file(project, b"content"), a_client()
    note = chunks.record_chunks

    def note_late(*arguments: object) -> None:
        monkeypatch.undo()
        deletion.delete_debug_file(row, by="somebody")
        note(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(chunks, "record_chunks", note_late)
    answer = send(uploader, b"content")

    assert answer.status_code == 503
    assert answer["Retry-After"] == "1"
    assert not Chunk.objects.exists()
    assert send(uploader, b"content").status_code == 200


@pytest.mark.upstream(70)
def test_a_row_among_several_of_one_file_goes_alone() -> None:
    project = a_project()
    one, two = a_debug_file(project, b"content"), a_debug_file(project, b"content")
    Assembly.objects.create(
        project=project,
        checksum=Checksum.of(b"content").hex,
        state=State.OK,
        updated_at=one.created_at,
    )

    deletion.delete_debug_file(one, by="somebody")
    assert list(DebugFile.objects.all()) == [two]
    assert Assembly.objects.count() == File.objects.count() == 1

    deletion.delete_debug_file(two, by="somebody")
    assert not Assembly.objects.exists()
    assert not File.objects.exists()


@pytest.mark.upstream(97, 98)
def test_many_chunks_are_freed_and_those_of_others_are_not() -> None:
    project = a_project()
    row = a_debug_file(project)
    mine = [b"mine %d" % n for n in range(50)]
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(project, *mine, b"shared"))
    a_file(project, b"shared", b"theirs")
    File.objects.filter(pk=row.file.pk).delete()
    row.refresh_from_db()

    deletion.delete_debug_file(row, by="somebody")

    assert set(Chunk.objects.values_list("checksum", flat=True)) >= {
        Checksum.of(b"shared").hex,
        Checksum.of(b"theirs").hex,
    }
    assert not {Checksum.of(content) for content in mine} & set(blob_store())


def test_forgetting_many_chunks_asks_the_database_as_often_as_forgetting_few(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    project = a_project()
    row = a_debug_file(project)
    many = [b"%d" % n for n in range(64)]
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(project, *many))
    row.refresh_from_db()

    with django_assert_max_num_queries(55):
        deletion.delete_debug_file(row, by="somebody")


def test_chunks_that_nobody_assembled_stay() -> None:
    project = a_project()
    own(project, b"loose")

    deletion.delete_debug_file(a_debug_file(project, b"content"), by="somebody")

    assert list(blob_store()) == [Checksum.of(b"loose")]


def test_whoever_deletes_is_in_the_audit() -> None:
    a_project()
    row = a_debug_file(a_project(), b"content")
    client = a_client(scopes=[Scope.WRITE])

    assert client.delete(files_url() + f"?id={row.pk}").status_code == 204

    entry = AuditEntry.objects.get(action="debug-file.deleted")
    assert entry.actor.startswith("token …")
    assert (entry.project_slug, entry.subject) == ("game", str(row))
    assert entry.details == {"checksum": Checksum.of(b"content").hex}


def test_deleting_takes_the_symcaches_with_it() -> None:
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

    deletion.delete_debug_file(row, by="somebody")

    assert list(blob_store()) == []
    assert not SymCache.objects.exists()
