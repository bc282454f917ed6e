"""Java stack traces in pasted text are retraced."""

from uuid import UUID

import pytest
from pytest_django import DjangoAssertNumQueries, Settings
from tests.factories import a_breakpad_file, a_client, a_project, upload
from tests.protocols.symbolicator.jvm_payloads import MAPPING_ID, a_mapping_of

from symdepot.blobs.configured import blob_store
from symdepot.domain.ids import Checksum
from symdepot.projects.models import Project
from symdepot.symbolication import pasted_text
from symdepot.symbolication.pasted_text import ResolvedText

pytestmark = pytest.mark.django_db

MAPPING = """\
com.example.Game -> a.a:
    1:4:void start():16:19 -> c
com.example.GameOver -> a.b:
"""
TRACE = "E/AndroidRuntime: a.b: no lives left\r\nE/AndroidRuntime:   at a.a.c(SourceFile:2)\r\n"
REAL = (
    "E/AndroidRuntime: com.example.GameOver: no lives left\r\n"
    "E/AndroidRuntime:   at com.example.Game.start(Game.java:17)\r\n"
)
OTHER_ID = "7b1d5c4e-0d32-4a8c-9f65-1d0a2b3c4d5e"


@pytest.fixture(autouse=True)
def project() -> Project:
    return a_project()


def resolved(text: str) -> ResolvedText:
    return pasted_text.resolve_text(a_project(), text, by="a test")


def test_the_only_mapping_is_used_with_a_note() -> None:
    row = a_mapping_of(a_project(), MAPPING)

    assert resolved(TRACE) == ResolvedText(
        REAL,
        1,
        [],
        [
            (
                f"Names of Java are told by the mapping {MAPPING_ID}, "
                f"of {row.created_at:%Y-%m-%d}."
            )
        ],
    )


def test_the_mapping_that_the_text_names_is_used() -> None:
    a_mapping_of(a_project(), MAPPING)
    other = a_mapping_of(a_project(), "com.example.Other -> a.a:\n", OTHER_ID)

    unnamed = resolved(TRACE)
    named = resolved(f"{MAPPING_ID}\n{TRACE}")

    assert unnamed == ResolvedText(
        TRACE,
        0,
        [],
        [
            (
                "Names of Java stay as they are: 2 mappings may be meant, and the text "
                "names none. Write the UUID of one into a line of its own; the newest "
                f"is {OTHER_ID}, of {other.created_at:%Y-%m-%d}."
            )
        ],
    )
    assert named == ResolvedText(f"{MAPPING_ID}\n{REAL}", 1, [], [])


def test_a_mapping_with_another_r8_id_is_not_used() -> None:
    named = TRACE.replace("SourceFile", "r8-map-id-2222222")
    a_mapping_of(a_project(), f"# pg_map_id: 1111111\n{MAPPING}")

    other = resolved(named)
    a_mapping_of(a_project(), MAPPING, OTHER_ID)
    perhaps = resolved(named)

    assert other == ResolvedText(
        named,
        0,
        [],
        [
            (
                "Names of Java stay as they are: "
                "the ProGuard mapping that R8 calls 2222222 is not here."
            )
        ],
    )
    assert perhaps.resolved == 1
    assert OTHER_ID in perhaps.notes[0]


def test_the_r8_id_of_a_mapping_is_read_once(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for n in range(20):
        called = f"# pg_map_id: 11111{n:02}\n"
        a_mapping_of(a_project(), called + MAPPING, str(UUID(int=n + 1)))
    named = TRACE.replace("SourceFile", "r8-map-id-1111107" + "0" * 57)

    # One of them is verified, which is recorded.
    with django_assert_max_num_queries(20):
        answer = resolved(named)

    assert answer.resolved == 1
    assert str(UUID(int=8)) in answer.notes[0]


def test_native_frames_in_the_same_text_are_resolved(settings: Settings) -> None:
    settings.SYMCACHES = True
    records = ["FILE 0 /src/a.c", "FUNC 1000 40 0 main", "1000 40 5 0"]
    upload(a_client(), a_breakpad_file(records=records), name="game.sym")
    a_mapping_of(a_project(), MAPPING)
    native = "  #00 pc 00001004  /x/game"

    answer = resolved(f"{TRACE}{native}\n  #01 pc 00001004  /x/no")

    assert answer.text == (
        f"{REAL}{native} (main+4) /src/a.c:5\n  #01 pc 00001004  /x/no"
    )
    assert answer.resolved == 2
    assert [one.line for one in answer.unresolved] == [4]


def test_without_a_mapping_names_stay_with_a_note() -> None:
    answer = resolved(TRACE)

    assert (answer.text, answer.resolved) == (TRACE, 0)
    assert answer.notes == [
        "Names of Java stay as they are: there is no ProGuard mapping here."
    ]
    assert resolved("at the end").notes == []


def test_a_mapping_without_bytes_leaves_names_with_a_note() -> None:
    row = a_mapping_of(a_project(), MAPPING)
    blob_store().delete(Checksum(row.file.checksum))

    answer = resolved(TRACE)

    assert (answer.text, answer.notes) == (
        TRACE,
        [
            (
                f"Names of Java stay as they are: the mapping {MAPPING_ID} "
                "cannot be read: it is damaged."
            )
        ],
    )
