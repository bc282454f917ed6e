"""Near misses: kinds, texts and number of queries."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.factories import a_debug_file, a_project

from symdepot.debugfiles import near_misses
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.near_misses import NearMissKind, RequestedIds
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.projects.models import Project
from symdepot.uploads.models import Assembly, File, State

pytestmark = pytest.mark.django_db

ID = DebugId(UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75"), 1)
OTHER = DebugId(UUID("3249d99d-0c40-4931-8610-f4e4fb0b6936"))
CODE = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
DAY = datetime(2026, 5, 7, 12, tzinfo=UTC)


def misses(
    sought: RequestedIds, project: Project | None = None
) -> list[tuple[str, str]]:
    found = near_misses.find_near_misses(project or a_project(), [sought])[sought]
    return [(miss.kind.value, miss.text) for miss in found]


def an_upload(state: State, detail: str = "", debug_id: DebugId = ID) -> None:
    row = Assembly.objects.create(
        project=a_project(),
        checksum=uuid4().hex + "0" * 8,
        name="libgame.so",
        debug_id=str(debug_id),
        state=state,
        detail=detail,
        updated_at=DAY,
    )
    assert row.pk


def test_files_of_the_same_name_are_listed_newest_first() -> None:
    project = a_project()
    for n in range(1, 6):
        debug_id = DebugId(UUID(int=n))
        a_debug_file(project, debug_id=debug_id, name="libGame.so.debug")
    DebugFile.objects.update(created_at=DAY)
    a_debug_file(project, name="libother.so")
    a_debug_file(a_project("other"), name="libgame.so")

    assert misses(RequestedIds(ID, CODE, "/data/app/libgame.so")) == [
        (
            "same_name",
            (
                "libGame.so.debug (elf, x86_64) of 2026-05-07 has another id: "
                f"debug id {UUID(int=n)}."
            ),
        )
        for n in (5, 4, 3)
    ]
    assert misses(RequestedIds(ID, CODE)) == []


def test_a_file_without_a_debug_id_is_described_by_its_code_id() -> None:
    nil = DebugId(UUID(int=0))
    a_debug_file(a_project(), debug_id=nil, code_id=CODE, name="a.exe")

    ((_, text),) = misses(RequestedIds(ID, None, "a.exe"))

    assert text.endswith(f"has another id: code id {CODE}.")


def test_one_matching_id_of_two_is_a_near_miss() -> None:
    a_debug_file(a_project(), debug_id=OTHER, code_id=CODE, name="a")

    assert misses(RequestedIds(ID, CODE)) == [
        ("other_debug_id", f"a (elf, x86_64) has this code id, but debug id {OTHER}.")
    ]
    assert misses(RequestedIds(OTHER, CodeId("ab"))) == [
        ("other_code_id", f"a (elf, x86_64) has this debug id, but code id {CODE}.")
    ]


def test_another_age_of_the_uuid_is_a_near_miss() -> None:
    newer = DebugId(ID.uuid, 10)
    a_debug_file(a_project(), debug_id=newer, format=Format.PDB, name="a.pdb")

    assert misses(RequestedIds(ID, None)) == [
        ("other_age", "a.pdb (pdb, x86_64) has the same UUID, but age a, not 1.")
    ]


@pytest.mark.parametrize(
    ("features", "kind", "held"),
    [
        ({"symtab"}, "exe", "a program and a symbol table"),
        ({"unwind"}, "lib", "a program and unwind information"),
        ({"symtab", "unwind"}, "dbg", "a symbol table and unwind information"),
        (set(), "dbg", "nothing of use"),
    ],
)
def test_a_file_without_debug_information_is_a_near_miss(
    features: set[str], kind: str, held: str
) -> None:
    a_debug_file(
        a_project(), debug_id=ID, features=frozenset(features), kind=kind, name="a"
    )

    assert misses(RequestedIds(ID, None)) == [
        (
            "no_debug_information",
            (
                "a (elf, x86_64) is here under this id, without debug information: "
                f"it holds {held}."
            ),
        )
    ]


def test_a_source_bundle_has_no_debug_information() -> None:
    sources = frozenset({"sources"})
    form = Format.SOURCE_BUNDLE
    a_debug_file(
        a_project(), code_id=CODE, format=form, kind="src", features=sources, name="a"
    )

    ((kind, text),) = misses(RequestedIds(None, CODE))

    assert kind == NearMissKind.NO_DEBUG_INFORMATION
    assert text.endswith("without debug information: it holds sources.")


def test_a_companion_lacks_the_program() -> None:
    a_debug_file(a_project(), code_id=CODE, name="a.debug")

    assert misses(RequestedIds(None, CODE)) == [
        (
            "no_program",
            (
                "a.debug (elf, x86_64) is here under this id, without the program: "
                "it holds debug information and a symbol table."
            ),
        )
    ]


def test_a_complete_file_is_described_with_its_format() -> None:
    a_debug_file(a_project(), debug_id=ID, format=Format.BREAKPAD, name="a.sym")

    assert misses(RequestedIds(ID, CODE)) == [
        (
            "here",
            (
                "a.sym (breakpad, x86_64) is here under this id, and holds "
                "debug information and a symbol table."
            ),
        )
    ]


def test_damaged_and_superseded_files_are_near_misses() -> None:
    damaged = a_debug_file(a_project(), debug_id=ID, name="a")
    File.objects.filter(pk=damaged.file_id).update(damaged_at=timezone.now())
    old = a_debug_file(a_project(), debug_id=ID, format=Format.PE, name="b")
    DebugFile.objects.filter(pk=old.pk).update(superseded_at=timezone.now())

    assert misses(RequestedIds(ID, None)) == [
        (
            "superseded",
            (
                "b (pe, x86_64) is here under this id, but what was uploaded later "
                "took its place."
            ),
        ),
        (
            "damaged",
            (
                "a (elf, x86_64) is here under this id, but its bytes are damaged: "
                "upload it again."
            ),
        ),
    ]


def test_failed_uploads_are_near_misses_with_the_reason() -> None:
    an_upload(State.ERROR, "Unsupported file: it is empty.")
    an_upload(State.NOT_FOUND)
    an_upload(State.CREATED)
    an_upload(State.OK)
    an_upload(State.ERROR, "of another id", OTHER)

    upload = "An upload of libgame.so as this id"
    assert sorted(misses(RequestedIds(ID, None))) == [
        ("refused", f"{upload} failed on 2026-05-07: Unsupported file: it is empty."),
        ("unfinished", f"{upload} came on 2026-05-07, and is being assembled."),
        ("unfinished", f"{upload} was begun on 2026-05-07, and waits for chunks."),
    ]


def test_nil_and_unrelated_ids_have_no_near_misses() -> None:
    nil = DebugId(UUID(int=0))
    a_debug_file(a_project(), debug_id=nil, code_id=CodeId("ab"), name="")
    an_upload(State.ERROR, "x", nil)

    for sought in (
        RequestedIds(ID, CODE, "a"),
        RequestedIds(nil, None, "/"),
        RequestedIds(None, None),
    ):
        assert misses(sought) == []


@pytest.mark.slow
def test_a_hundred_ids_take_as_many_queries_as_one() -> None:
    project = a_project()
    sought = [
        RequestedIds(DebugId(UUID(int=n)), CodeId(f"{n:x}"), f"{n}.so")
        for n in range(1, 101)
    ]
    for n in range(1, 101):
        a_debug_file(project, debug_id=DebugId(UUID(int=n), 2), name=f"{n}.so.debug")
        a_debug_file(project, code_id=CodeId(f"{n:x}"), name=f"{n}.so")
        a_debug_file(project, name=f"lib/{n}.so")

    with CaptureQueriesContext(connection) as queries:
        found = near_misses.find_near_misses(project, sought)

    assert len(queries) == 4
    assert list(found) == sought
    kinds = {tuple(miss.kind for miss in misses) for misses in found.values()}
    assert kinds == {
        (NearMissKind.OTHER_AGE, NearMissKind.OTHER_DEBUG_ID, NearMissKind.SAME_NAME)
    }
