"""Debug files are found by id, checksum and text, and only in their project."""

from uuid import UUID, uuid4

import pytest
from pytest_django import DjangoAssertNumQueries
from tests.factories import a_debug_file, a_file, a_project

from symdepot.debugfiles import contents, project_files
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import DebugFileMissing
from symdepot.domain.ids import Checksum, CodeId, DebugId
from symdepot.domain.objects import Format

pytestmark = pytest.mark.django_db

CRASH = DebugId(UUID("67e9247c-814e-392b-a027-dbde6748fcbf"))
CODE = CodeId("f1c3bcc0")


def test_the_newest_current_file_of_a_content_is_found() -> None:
    project = a_project()
    a_debug_file(project, b"content", debug_id=CRASH)
    newest = a_debug_file(project, b"content")
    superseded = a_debug_file(project, b"content")
    a_debug_file(project, b"better", debug_id=superseded.object_file().debug_id)

    found = project_files.by_checksums(project, [Checksum.of(b"content")])

    assert found == {Checksum.of(b"content"): newest}


def test_a_superseded_content_is_found() -> None:
    project = a_project()
    old = a_debug_file(project, b"old", debug_id=CRASH)
    a_debug_file(project, b"new", debug_id=CRASH)

    found = project_files.by_checksums(
        project, [Checksum.of(b"old"), Checksum.of(b"none")]
    )

    assert found == {Checksum.of(b"old"): old}


def test_many_contents_are_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    project = a_project()
    rows = [a_debug_file(project, b"%d" % n) for n in range(30)]

    with django_assert_num_queries(1):
        found = project_files.by_checksums(
            project, [Checksum.of(b"%d" % n) for n in range(30)]
        )
        assert {row.file.checksum for row in found.values()} == {
            row.file.checksum for row in rows
        }


def test_a_row_is_found_only_in_its_project() -> None:
    row = a_debug_file(a_project())

    assert project_files.by_row(a_project(), str(row.pk)) == row
    with pytest.raises(DebugFileMissing, match=f"There is no debug file '{row.pk}'"):
        project_files.by_row(a_project("other"), str(row.pk))


@pytest.mark.upstream(71)
def test_ids_find_the_newest_first_and_prefer_the_debug_id() -> None:
    project = a_project()
    one = a_debug_file(project, debug_id=CRASH, format=Format.ELF, code_id=CODE)
    two = a_debug_file(project, debug_id=CRASH, format=Format.BREAKPAD)
    three = a_debug_file(project, code_id=CODE)
    unknown = DebugId(uuid4())

    assert project_files.by_ids(project, CRASH, None) == [two, one]
    assert project_files.by_ids(project, None, CODE) == [three, one]
    assert project_files.by_ids(project, CRASH, CODE) == [two, one, three]
    assert project_files.by_ids(project, unknown, CODE) == [three, one]
    assert project_files.by_ids(project, CRASH, CODE, [Format.BREAKPAD]) == [two]
    assert project_files.by_ids(project, CRASH, CODE, [Format.PE]) == []
    assert project_files.by_ids(project, None, None) == []
    assert project_files.by_ids(a_project("other"), CRASH, CODE) == []


def test_all_files_of_one_content_are_found_current_and_newer_ones_first() -> None:
    project = a_project()
    one = a_debug_file(project, b"content", debug_id=CRASH)
    two = a_debug_file(project, b"content")
    superseded = a_debug_file(project, b"content")
    a_debug_file(project, b"better", debug_id=superseded.object_file().debug_id)

    found = project_files.all_by_checksums(project, [Checksum.of(b"content")])

    assert found == {Checksum.of(b"content"): [two, one, superseded]}


def test_the_content_of_a_file_is_its_chunks_in_order_with_their_sizes() -> None:
    project = a_project()
    row = a_debug_file(project)
    chunks = (b"one", b"three", b"one", b"")
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(project, *chunks))

    content = contents.file_content(DebugFile.objects.select_related("file").get())

    assert content.checksum == Checksum.of(b"".join(chunks))
    assert content.size_bytes == 11
    assert content.chunks == tuple((Checksum.of(c), len(c)) for c in chunks)
