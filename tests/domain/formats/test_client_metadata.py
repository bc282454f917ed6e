"""What a client says of a file counts as far as the file does not say otherwise."""

from dataclasses import replace
from uuid import UUID

import pytest

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import client_metadata
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile

ID = UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75")
NIL = DebugId(UUID(int=0))
OTHER = DebugId(UUID(int=7), 3)
GIVEN = [Format.BC_SYMBOL_MAP, Format.DART_SYMBOL_MAP, Format.IL2CPP, Format.UUID_MAP]


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


def a_map(file_format: Format, **changes: object) -> ObjectFile:
    return an_object(
        **{"format": file_format, "kind": None, "debug_id": NIL, "name": "m", **changes}
    )


def test_a_claim_may_correct_the_age() -> None:
    claim = DebugId(ID, 7)

    assert client_metadata.with_claimed_id(an_object(), claim) == an_object(
        debug_id=claim
    )


@pytest.mark.parametrize("claim", [None, DebugId(UUID(int=1), 1)])
def test_a_claim_of_another_uuid_is_ignored(claim: DebugId | None) -> None:
    assert client_metadata.with_claimed_id(an_object(), claim) == an_object()


@pytest.mark.parametrize("file_format", [*GIVEN, Format.PROGUARD])
def test_the_claim_is_the_id_if_the_format_has_none(file_format: Format) -> None:
    for own in (NIL, DebugId(ID)):
        found = client_metadata.with_claimed_id(a_map(file_format, debug_id=own), OTHER)

        assert found == a_map(file_format, debug_id=OTHER)


@pytest.mark.upstream(92)
@pytest.mark.parametrize(
    ("file_format", "text"),
    [
        (Format.BC_SYMBOL_MAP, "Missing debug_id for BCSymbolMap"),
        (Format.DART_SYMBOL_MAP, "Missing debug_id for dartsymbolmap"),
        (Format.IL2CPP, "Missing debug_id for il2cpp"),
        (
            Format.UUID_MAP,
            "Invalid UuidMap: neither its name nor the request is a debug id",
        ),
    ],
)
def test_a_map_without_any_id_is_refused(file_format: Format, text: str) -> None:
    with pytest.raises(NotADebugFile) as caught:
        client_metadata.with_claimed_id(a_map(file_format), None)

    assert str(caught.value) == text


@pytest.mark.parametrize("name", [f"{ID}.plist", f"{ID.hex.upper()}.plist", f"{ID}"])
def test_a_uuid_map_has_the_id_in_its_name(name: str) -> None:
    found = client_metadata.with_claimed_id(a_map(Format.UUID_MAP, name=name), None)

    assert found.debug_id == DebugId(ID)


def test_a_proguard_mapping_keeps_the_id_in_its_name() -> None:
    mapping = a_map(Format.PROGUARD, debug_id=DebugId(ID))

    assert client_metadata.with_claimed_id(mapping, None) == mapping


def again(known: ObjectFile, name: str, claim: DebugId | None = None) -> DebugId:
    return client_metadata.with_offered_id(known, name=name, claim=claim).debug_id


def test_known_content_gets_the_claimed_id() -> None:
    mapping = a_map(Format.PROGUARD, debug_id=DebugId(ID))
    uuid_map = a_map(Format.UUID_MAP, debug_id=DebugId(ID))
    dart = a_map(Format.DART_SYMBOL_MAP, debug_id=DebugId(ID))
    pdb = an_object()

    assert again(mapping, f"/proguard/{OTHER.uuid}.txt") == DebugId(OTHER.uuid)
    assert again(mapping, f"/proguard/{ID}.txt", OTHER) == OTHER
    assert again(uuid_map, f"some/{OTHER.uuid}.plist") == DebugId(OTHER.uuid)
    assert again(dart, "dartsymbolmap.json", OTHER) == OTHER
    assert again(pdb, "a.pdb", DebugId(ID, 9)) == DebugId(ID, 9)


def test_known_content_keeps_its_id_without_a_claim() -> None:
    for file_format in [*GIVEN, Format.PROGUARD]:
        known = a_map(file_format, debug_id=DebugId(ID))
        assert again(known, "m") == DebugId(ID)
    assert again(an_object(), "b.pdb", OTHER) == DebugId(ID, 1)


def test_known_content_gets_the_uploaded_name() -> None:
    def called(known: ObjectFile, name: str) -> str:
        return client_metadata.with_offered_id(known, name=name, claim=None).name

    assert called(an_object(), "C:\\b.pdb") == "b.pdb"
    assert called(an_object(format=Format.BREAKPAD), "x/b.sym") == "b"
    assert called(a_map(Format.PROGUARD), f"/proguard/{ID}.txt") == "proguard-mapping"


@pytest.mark.parametrize("file_format", sorted(set(Format) - {Format.PROGUARD}))
def test_known_content_that_is_no_mapping_is_refused_as_a_mapping(
    file_format: Format,
) -> None:
    with pytest.raises(NotADebugFile) as caught:
        again(an_object(format=file_format), f"/proguard/{ID}.txt", DebugId(ID))

    assert str(caught.value) == "This file is not a ProGuard mapping."
