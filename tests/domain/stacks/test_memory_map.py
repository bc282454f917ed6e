"""The memory map finds the module at an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.stacks.memory_map import MemoryMap, MemoryRange


def test_a_missing_size_reaches_to_the_next_range() -> None:
    memory_map = MemoryMap(
        [MemoryRange(0x2000, 0x1000), MemoryRange(0x1000), MemoryRange(0x4000)]
    )

    assert [memory_map[i].size_bytes for i in range(3)] == [0x1000, 0x1000, 0]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (0xFFF, None),
        (0x1000, (1, 0)),
        (0x1FFF, (1, 0xFFF)),
        (0x2000, (0, 0)),
        (0x3000, (0, 0x1000)),
        (0x3001, None),
        (0x4000, (2, 0)),
        (2**64 - 1, (2, 2**64 - 1 - 0x4000)),
    ],
)
def test_finds_the_module_at_an_absolute_address(
    address: int, found: tuple[int, int] | None
) -> None:
    memory_map = MemoryMap(
        [MemoryRange(0x2000, 0x1000), MemoryRange(0x1000), MemoryRange(0x4000)]
    )

    answer = memory_map.find(address, None)

    assert (answer and (answer[0], answer[2])) == found


@pytest.mark.parametrize(("index", "found"), [(0, 0), (1, 1), (2, None), (-1, None)])
def test_a_relative_address_comes_with_its_module(
    index: int, found: int | None
) -> None:
    memory_map = MemoryMap([MemoryRange(0x2000, 0x10), MemoryRange(0x1000)])

    answer = memory_map.find(0x7777, index)

    assert (answer and (answer[0], answer[2])) == (
        None if found is None else (found, 0x7777)
    )


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=8),
    st.integers(0, 80),
)
def test_agrees_with_a_linear_search(made: list[tuple[int, int]], address: int) -> None:
    memory_map = MemoryMap([MemoryRange(start, size) for start, size in made])

    answer = memory_map.find(address, None)

    before = [start for start, _ in made if start <= address]
    if not before:
        assert answer is None
        return
    nearest = [i for i, (start, _) in enumerate(made) if start == max(before)]
    fits = {
        i
        for i in nearest
        if not memory_map[i].size_bytes
        or address <= max(before) + memory_map[i].size_bytes
    }
    if answer is None:
        assert fits != set(nearest)
    else:
        assert answer[0] in fits
        assert answer[2] == address - max(before)
