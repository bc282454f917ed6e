"""Adding, removing and superseding debug files."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from tests.concurrency import run_at_once
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_file,
    a_project,
    an_object,
    files_url,
    polled,
    upload,
)
from tests.protocols.sentry.zip_uploads import posted, zipped

from symdepot.debugfiles import catalogue
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum, CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.projects.models import Project

pytestmark = pytest.mark.django_db

CRASH = DebugId(UUID("67e9247c-814e-392b-a027-dbde6748fcbf"))
NIL = DebugId(UUID(int=0))


def features(*names: str) -> dict[str, Any]:
    return {"features": frozenset(names)}


def current(project: Project) -> list[DebugFile]:
    return list(DebugFile.objects.current().filter(project=project).order_by("pk"))


@pytest.mark.upstream(78)
def test_an_assembled_file_is_added_with_all_fields() -> None:
    project = a_project()
    file = a_file(project, b"content")
    found = an_object(
        code_id=CodeId("f1c3bcc0"), kind="exe", arch="arm64", name="hello"
    )

    with transaction.atomic():
        row = catalogue.add(project, file, found)

    assert row.object_file() == found
    assert (row.project, row.file, row.superseded_at) == (project, file, None)
    assert row.object_file().format.mime_type == "application/x-elf-binary"
    assert str(row) == f"{found.debug_id} (hello; arm64)"


@pytest.mark.upstream(79)
def test_a_file_uploaded_whole_is_added() -> None:
    content = a_breakpad_file("67E9247C814E392BA027DBDE6748FCBF0")

    answer = posted(zipped({"crash.sym": content}))

    row = DebugFile.objects.get()
    assert [found["id"] for found in answer.json()] == [str(row.pk)]
    assert row.file.checksum == Checksum.of(content).hex
    assert (row.debug_id, row.object_name) == (str(CRASH), "crash")


@pytest.mark.upstream(80)
def test_files_with_different_features_are_both_current() -> None:
    project = a_project()
    one = a_debug_file(project, debug_id=CRASH, **features("unwind"))
    two = a_debug_file(project, debug_id=CRASH, **features("debug"))

    assert current(project) == [one, two]


@pytest.mark.upstream(81)
def test_files_with_overlapping_features_are_both_current() -> None:
    project = a_project()
    one = a_debug_file(project, debug_id=CRASH, **features("symtab", "unwind"))
    two = a_debug_file(project, debug_id=CRASH, **features("symtab", "debug"))

    assert current(project) == [one, two]


@pytest.mark.upstream(82)
def test_a_file_with_fewer_features_supersedes_nothing() -> None:
    project = a_project()
    rows = [
        a_debug_file(project, debug_id=CRASH, **features(*names))
        for names in (["debug", "unwind"], ["debug"], [])
    ]

    assert current(project) == rows


@pytest.mark.upstream(83)
def test_a_file_added_twice_is_one_row() -> None:
    project = a_project()

    first = a_debug_file(project, b"content", debug_id=CRASH)
    second = a_debug_file(project, b"content", debug_id=CRASH)

    assert first == second == DebugFile.objects.get()


@pytest.mark.upstream(84)
def test_an_older_file_with_the_same_features_is_superseded() -> None:
    project, client = a_project(), a_client()
    upload(client, a_breakpad_file("67E9247C814E392BA027DBDE6748FCBF0"))
    content = a_breakpad_file("67E9247C814E392BA027DBDE6748FCBF0", arch="x86_64")
    new = upload(client, content + b"INFO newer\n")

    [row] = current(project)
    assert str(row.pk) == new["dif"]["id"]
    assert [r["id"] for r in client.get(files_url()).json()] == [new["dif"]["id"]]
    assert DebugFile.objects.count() == 2


def test_assembling_a_superseded_file_answers_ok() -> None:
    a_project()
    client = a_client()
    old = a_breakpad_file("67E9247C814E392BA027DBDE6748FCBF0")
    first = upload(client, old)
    upload(client, old + b"INFO newer\n")

    again = upload(client, old)

    assert again == polled(client, old)
    assert (again["state"], again["dif"]) == ("ok", first["dif"])
    assert again["detail"] == (
        "Newer files of the same debug id have all that is in this one."
    )
    answer = client.get(files_url(), {"id": again["dif"]["id"]})
    assert answer.getvalue() == old


def test_a_superseded_file_added_again_stays_superseded() -> None:
    project = a_project()
    old = a_debug_file(project, b"old", debug_id=CRASH)
    new = a_debug_file(project, b"new", debug_id=CRASH)

    again = a_debug_file(project, b"old", debug_id=CRASH)

    assert again == old
    assert current(project) == [new]


def test_removing_a_file_restores_the_one_it_superseded() -> None:
    project = a_project()
    other = a_debug_file(project, debug_id=CRASH, arch="arm64")
    first = a_debug_file(project, debug_id=CRASH, **features("debug"))
    second = a_debug_file(project, debug_id=CRASH, **features("debug", "symtab"))
    third = a_debug_file(project, debug_id=CRASH, **features("debug", "symtab"))
    assert current(project) == [other, third]

    with transaction.atomic():
        catalogue.remove(third.project, [third])
    assert current(project) == [other, second]

    with transaction.atomic():
        catalogue.remove(second.project, [second])
    assert current(project) == [other, first]


def test_files_without_a_debug_id_never_supersede_each_other() -> None:
    project = a_project()
    rows = [
        a_debug_file(
            project, debug_id=NIL, code_id=CodeId(f"{n:08x}"), format=Format.PE
        )
        for n in range(3)
    ]

    assert current(project) == rows


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"format": Format.ELF}, {"format": Format.BREAKPAD}),
        ({"format": Format.BREAKPAD}, {"format": Format.ELF}),
        ({"format": Format.PDB}, {"format": Format.BREAKPAD}),
        ({"format": Format.PE, "kind": "exe"}, {"format": Format.PDB}),
        ({"format": Format.MACHO}, {"format": Format.SOURCE_BUNDLE}),
        ({"arch": "x86_64"}, {"arch": "arm64"}),
        ({"kind": "exe"}, {"kind": "dbg"}),
        ({"debug_id": CRASH}, {"debug_id": DebugId(CRASH.uuid, 1)}),
    ],
    ids=str,
)
def test_a_file_of_another_kind_supersedes_nothing(
    older: dict[str, Any], newer: dict[str, Any]
) -> None:
    project = a_project()
    everything = features("debug", "symtab", "unwind", "sources")
    one = a_debug_file(project, **{"debug_id": CRASH, **older}, **features("symtab"))
    two = a_debug_file(project, **{"debug_id": CRASH, **newer}, **everything)

    assert current(project) == [one, two]


def test_files_of_other_projects_are_not_superseded() -> None:
    one = a_debug_file(a_project("game"), debug_id=CRASH)
    two = a_debug_file(a_project("tool"), debug_id=CRASH)

    assert current(a_project("game")) == [one]
    assert current(a_project("tool")) == [two]


def test_superseded_files_are_ignored_by_later_ones() -> None:
    project = a_project()
    a_debug_file(project, debug_id=CRASH, **features("debug"))
    a_debug_file(project, debug_id=CRASH, **features("debug", "symtab"))

    last = a_debug_file(project, debug_id=CRASH, **features("symtab", "debug"))

    assert current(project) == [last]


def test_one_file_may_have_several_ids() -> None:
    project = a_project()

    one = a_debug_file(project, b"content", debug_id=CRASH)
    two = a_debug_file(project, b"content", debug_id=DebugId(CRASH.uuid, 7))

    assert current(project) == [one, two]
    assert one.file == two.file


@pytest.mark.django_db(transaction=True)
def test_concurrent_adds_of_one_file_make_one_row() -> None:
    project = a_project()
    file = a_file(project, b"content")
    found = an_object(debug_id=CRASH)

    def enter() -> DebugFile:
        with transaction.atomic():
            return catalogue.add(project, file, found)

    entered = run_at_once([enter] * 8)

    assert len(set(entered)) == DebugFile.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_adds_leave_one_current_file() -> None:
    project = a_project()
    files = [a_file(project, b"%d" % n) for n in range(8)]
    found = an_object(debug_id=CRASH)

    def enter(number: int) -> None:
        with transaction.atomic():
            catalogue.add(project, files[number], found)

    run_at_once([partial(enter, number) for number in range(8)])

    assert DebugFile.objects.count() == 8
    assert len(current(project)) == 1
