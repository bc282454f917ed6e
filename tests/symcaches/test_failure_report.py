"""Near misses explain missing ids, down to failed symcaches."""

from uuid import UUID

import pytest
from pytest_django import Settings
from tests.factories import a_breakpad_file, a_debug_file, a_project
from tests.symcache_files import CONVERT_ERROR, an_unreadable_pdb, uploaded

from symdepot.debugfiles import missing_ids
from symdepot.debugfiles.near_misses import NearMissKind, RequestedIds
from symdepot.domain.ids import CodeId, DebugId
from symdepot.symcaches import failure_report

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def symcaches_are_made(settings: Settings) -> None:
    settings.SYMCACHES = True


def test_a_failed_symcache_is_a_near_miss_with_its_reason() -> None:
    row = uploaded(an_unreadable_pdb(UUID(int=7)))
    uploaded(a_breakpad_file("0" * 31 + "80"))
    hopeless = RequestedIds(row.object_file().debug_id, None)
    fine = RequestedIds(DebugId(UUID(int=8)), None)

    found = failure_report.explain_misses(row.project, [hopeless, fine])

    (miss,) = found[hopeless]
    assert (miss.kind, miss.debug_file) == (NearMissKind.NO_SYMCACHE, row)
    assert miss.text.endswith(f"no symcache could be made of it: {CONVERT_ERROR}")
    assert [miss.kind for miss in found[fine]] == [NearMissKind.HERE]


def test_each_missing_id_has_its_own_near_misses() -> None:
    project = a_project()
    code_id = CodeId("ab12")
    near = a_debug_file(project, code_id=code_id, name="a")
    for n in (1, 2):
        missing_ids.record_miss(
            project.pk,
            RequestedIds(DebugId(UUID(int=n)), code_id if n == 1 else None),
            by="me",
            newest_row_id=near.pk,
        )

    rows = list(missing_ids.list_ids(project))
    second, first = failure_report.missing_ids_as_json(project, rows)

    assert (second["debugId"], second["nearMisses"]) == (str(UUID(int=2)), [])
    assert first["nearMisses"] == [
        {
            "kind": "other_debug_id",
            "text": f"a (elf, x86_64) has this code id, but debug id {near.debug_id}.",
            "id": str(near.pk),
            "debugId": near.debug_id,
            "codeId": "ab12",
            "name": "a",
        }
    ]
