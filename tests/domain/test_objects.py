"""An object is entered only if it is the one, and could be asked for."""

from dataclasses import replace
from uuid import UUID

import pytest

from symdepot.domain import objects
from symdepot.domain.errors import NotADebugFile
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile

ID = UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75")


def an_object(**changes: object) -> ObjectFile:
    plain = ObjectFile(
        format=Format.PDB,
        kind="dbg",
        arch="x86_64",
        debug_id=DebugId(ID, 1),
        code_id=None,
        features=frozenset({"debug"}),
        name="a.pdb",
    )
    return replace(plain, **changes)  # type: ignore[arg-type] # the test says which


def test_one_object_is_what_a_client_sends() -> None:
    one, other = an_object(), an_object(arch="arm64")

    assert objects.thin([one]) is one
    for several in ([], [one, other]):
        with pytest.raises(NotADebugFile) as caught:
            objects.thin(several)
        assert str(caught.value) == (
            "Contained wrong number of architectures "
            f"(expected one, got {len(several)})"
        )


def test_a_claim_may_correct_the_age() -> None:
    claim = DebugId(ID, 7)

    assert objects.claimed(an_object(), claim) == an_object(debug_id=claim)


@pytest.mark.parametrize("claim", [None, DebugId(UUID(int=1), 1)])
def test_a_claim_of_another_file_is_passed_over(claim: DebugId | None) -> None:
    assert objects.claimed(an_object(), claim) == an_object()


def test_what_has_an_id_can_be_found() -> None:
    by_debug_id = an_object()
    by_code_id = an_object(
        debug_id=DebugId(UUID(int=0)), code_id=CodeId("5ab380779000")
    )

    assert objects.findable(by_debug_id) is by_debug_id
    assert objects.findable(by_code_id) is by_code_id


def test_what_has_no_id_at_all_is_refused() -> None:
    with pytest.raises(NotADebugFile) as caught:
        objects.findable(an_object(debug_id=DebugId(UUID(int=0))))

    assert str(caught.value) == (
        "This file has neither a debug id nor a code id, so nothing could ever find it."
    )
