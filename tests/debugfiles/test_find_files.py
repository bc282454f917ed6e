import time
from uuid import UUID, uuid4

import pytest
from pytest_django import DjangoAssertNumQueries
from tests.factories import a_debug_file, a_project, an_organization

from symdepot.debugfiles import finder
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format
from symdepot.domain.selection.id_matching import ModuleIds
from symdepot.projects import organizations
from symdepot.projects.access import PUBLIC, ReadScope

pytestmark = pytest.mark.django_db

PDBS = [ModuleIds(DebugId(UUID(int=n), 1), None) for n in range(1, 2001)]


def test_later_ages_are_found_in_all_projects_of_the_scope() -> None:
    for slug in ("one", "two", "hidden"):
        for age in (1, 2):
            a_debug_file(
                a_project(slug),
                debug_id=DebugId(UUID(int=7), age),
                format=Format.PDB,
            )
    for slug in ("one", "two"):
        organizations.set_public(a_project(slug), is_public=True, by="me")

    found = finder.find_files(PUBLIC, PDBS[:10])

    assert {ids for ids, rows in found.items() if rows} == {PDBS[6]}
    assert [(row.project.slug, row.debug_id[36:]) for row in found[PDBS[6]]] == [
        ("two", "-1"),
        ("one", "-1"),
        ("two", "-2"),
        ("one", "-2"),
    ]
    assert finder.find_files(ReadScope(an_organization("other").pk), PDBS[:1]) == {
        PDBS[0]: []
    }


@pytest.mark.upstream(71)
def test_many_ids_are_one_query_and_unknown_ones_find_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    project = a_project()
    crash, other, unknown = (ModuleIds(DebugId(uuid4()), None) for _ in range(3))
    older, newest = (
        a_debug_file(project, debug_id=crash.debug_id, features=features)
        for features in (frozenset({"debug", "unwind"}), frozenset({"debug", "symtab"}))
    )
    alone = a_debug_file(project, debug_id=other.debug_id)
    a_debug_file(a_project("elsewhere"), debug_id=crash.debug_id)

    with django_assert_num_queries(1):
        found = finder.find_files(
            ReadScope(project_id=project.pk), [other, unknown, crash, other]
        )

    assert found == {crash: [newest, older], other: [alone], unknown: []}


def test_two_thousand_pdbs_are_looked_up_in_half_a_second() -> None:
    scope = ReadScope(project_id=a_project().pk)
    began = time.process_time()

    finder.find_files(scope, PDBS)

    # Measured: 0.1 s, where Django puts the ranges together, 1.2 s.
    assert time.process_time() - began < 0.6
