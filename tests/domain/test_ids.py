"""Ids are read as symbolic reads them, which wrote those that clients send."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from symbolic.debuginfo import normalize_code_id, normalize_debug_id
from symbolic.exceptions import SymbolicError

from symdepot.domain.ids import Checksum, CodeId, DebugId

HEX = "0123456789abcdefABCDEF"


def hex_digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(HEX, min_size=least, max_size=most)


def hyphenated(digits: str) -> str:
    return "-".join(
        (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    )


uuids = hex_digits(32, 32).flatmap(lambda d: st.sampled_from((d, hyphenated(d))))
tails = st.tuples(st.sampled_from(("", "-", "--", "+", " ")), hex_digits(0, 10))
near_misses = st.tuples(uuids, tails).map(lambda t: t[0] + "".join(t[1]))
anything = near_misses | hex_digits(0, 50) | st.text(HEX + "-+ _{}g", max_size=50)


def parsed_by_symbolic(text: str) -> str | None:
    try:
        return normalize_debug_id(text)
    except SymbolicError:
        return None


def parsed_here(text: str) -> str | None:
    try:
        return str(DebugId.parse(text))
    except ValueError:
        return None


@given(uuids, st.one_of(st.just(""), hex_digits(1, 8)))
def test_valid_debug_ids_parse_as_in_symbolic(uuid: str, age: str) -> None:
    text = f"{uuid}-{age}" if "-" in uuid and age else uuid + age

    read = parsed_here(text)

    assert read is not None
    assert read == parsed_by_symbolic(text)


@given(anything)
@example("DFB8E43AF2423D73A453AEB6A777EF75-1")
@example(" dfb8e43a-f242-3d73-a453-aeb6a777ef75")
@example("{dfb8e43a-f242-3d73-a453-aeb6a777ef75}")
@example("dfb8e43a-f242-3d73-a453-aeb6a777ef75-")
@example("dfb8e43a-f242-3d73-a453-aeb6a777ef75\n")
@example("")
def test_debug_ids_that_symbolic_refuses_are_refused(text: str) -> None:
    read = parsed_here(text)

    assert read in {None, parsed_by_symbolic(text)}


@given(near_misses)
@example("3249D99D-1")
@example("dfb8e43a-f242-3d73-a453-aeb6a777ef75-+1")
@example("dfb8e43a-f242-3d73-a453-aeb6a777ef75-0000000001")
def test_only_signs_long_ages_and_ids_of_pdb_2_are_refused_in_addition(
    text: str,
) -> None:
    by_symbolic = parsed_by_symbolic(text)

    if parsed_here(text) is None and by_symbolic is not None:
        is_of_pdb_2 = len(by_symbolic) < 36
        has_a_long_age = len(re.sub("[^0-9a-fA-F]", "", text)) > 32 + 8
        assert is_of_pdb_2 or has_a_long_age or "+" in text


@given(uuids, st.integers(0, 2**32 - 1))
def test_a_debug_id_parses_back_from_its_text(uuid: str, age: int) -> None:
    debug_id = DebugId(DebugId.parse(uuid).uuid, age)

    assert DebugId.parse(str(debug_id)) == debug_id


@given(hex_digits(1, 128))
def test_code_ids_parse_as_in_symbolic(text: str) -> None:
    code_id = CodeId.parse(text)

    by_symbolic = normalize_code_id(text)  # type: ignore[no-untyped-call] # has no types
    assert str(code_id) == by_symbolic


@pytest.mark.parametrize("text", ["", "0x12", "ab-cd", "g", " ab", "a" * 129])
def test_a_code_id_is_1_to_128_hex_digits(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(not lowercase hex digits|a code id of)"):
        CodeId.parse(text)


@pytest.mark.parametrize("text", ["", "a" * 39, "a" * 41, "A" * 40, "g" * 40])
def test_a_checksum_is_40_lowercase_hex_digits(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not 40 lowercase hex digits: "):
        Checksum(text)
