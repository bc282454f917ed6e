"""A file makes older ones superfluous only where nothing is lost by it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection import ranking

FEATURES = ("debug", "sources", "symtab", "unwind")


def an_object(
    features: str, kind: str | None = "dbg", file_format: Format = Format.ELF
) -> ObjectFile:
    return ObjectFile(
        format=file_format,
        kind=kind,
        arch="x86_64",
        debug_id=DebugId(UUID(int=1)),
        code_id=None,
        features=frozenset(features.split()),
        name="hello",
    )


OBJECTS = st.builds(
    lambda features, kind: an_object(" ".join(features), kind),
    st.sets(st.sampled_from(FEATURES)),
    st.sampled_from(["dbg", "exe", "lib", None]),
)


@pytest.mark.parametrize(
    ("newest_first", "superfluous"),
    [
        ([], []),
        (["debug"], []),
        (["debug", "debug"], [1]),
        (["debug symtab", "debug"], [1]),
        (["debug", "debug symtab"], []),
        (["debug", "unwind"], []),
        (["debug", "unwind", "debug unwind"], [2]),
        (["debug", "unwind", "debug unwind symtab"], []),
        (["debug", "", "debug"], [1, 2]),
        (["", "debug", ""], [2]),
        (["", ""], [1]),
        (["symtab unwind", "debug symtab", "debug"], [2]),
        (["debug", "debug", "debug"], [1, 2]),
    ],
)
def test_a_file_is_redundant_if_newer_ones_have_all_its_features(
    newest_first: list[str], superfluous: list[int]
) -> None:
    objects = [an_object(features) for features in newest_first]

    assert ranking.redundant(objects) == superfluous


@pytest.mark.parametrize("program", ["exe", "lib", None])
def test_a_companion_never_makes_a_program_redundant(program: str | None) -> None:
    newer = an_object("debug symtab unwind", "dbg")

    assert ranking.redundant([newer, an_object("symtab", program)]) == []


@pytest.mark.parametrize("program", ["exe", "lib"])
def test_a_program_makes_a_companion_with_its_features_redundant(program: str) -> None:
    newer = an_object("debug symtab unwind", program)

    assert ranking.redundant([newer, an_object("debug symtab", "dbg")]) == [1]


def test_a_companion_between_two_programs_is_not_counted() -> None:
    newest_first = [
        an_object("unwind", "exe"),
        an_object("debug", "dbg"),
        an_object("unwind debug", "exe"),
        an_object("unwind", "lib"),
    ]

    assert ranking.redundant(newest_first) == [3]


@given(st.lists(OBJECTS, max_size=8))
def test_no_feature_is_lost(newest_first: list[ObjectFile]) -> None:
    superfluous = ranking.redundant(newest_first)

    stay = [o for i, o in enumerate(newest_first) if i not in superfluous]
    assert frozenset[str]().union(*(o.features for o in stay)) == frozenset[
        str
    ]().union(*(o.features for o in newest_first))


@given(st.lists(OBJECTS, min_size=1, max_size=8))
def test_the_newest_stays_and_the_result_is_stable(
    newest_first: list[ObjectFile],
) -> None:
    superfluous = ranking.redundant(newest_first)

    stay = [o for i, o in enumerate(newest_first) if i not in superfluous]
    assert 0 not in superfluous
    assert ranking.redundant(stay) == []


@pytest.mark.parametrize(
    "file_format", [Format.BC_SYMBOL_MAP, Format.IL2CPP, Format.UUID_MAP]
)
def test_of_formats_without_features_only_the_newest_stays(
    file_format: Format,
) -> None:
    maps = [an_object("", None, file_format) for _ in range(3)]

    assert ranking.redundant(maps) == [1, 2]
