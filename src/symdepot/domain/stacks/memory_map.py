"""The memory map of a process: which module is at an address."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class MemoryRange:
    """Where a module is loaded. `size_bytes` is 0 if unknown.

    The address is 0 if addresses are relative to the module, as in WebAssembly.
    """

    address: int
    size_bytes: int = 0


class MemoryMap:
    """The memory ranges of modules, in the order given.

    A range without a size ends where the next one starts; the last one has no end.

    Source: spec/serving 4.5.

    >>> memory_map = MemoryMap([MemoryRange(0x2000, 0x1000), MemoryRange(0x1000)])
    >>> memory_map[0].size_bytes, memory_map[1].size_bytes
    (4096, 4096)
    """

    def __init__(self, ranges: Sequence[MemoryRange]) -> None:
        by_address = sorted(range(len(ranges)), key=lambda i: ranges[i].address)
        filled = list(ranges)
        for i, following in pairwise(by_address):
            if not ranges[i].size_bytes:
                size = ranges[following].address - ranges[i].address
                filled[i] = replace(ranges[i], size_bytes=size)
        self._ranges = filled
        self._order = by_address
        self._starts = [ranges[i].address for i in by_address]

    def __len__(self) -> int:
        return len(self._ranges)

    def __getitem__(self, module: int) -> MemoryRange:
        return self._ranges[module]

    def find(
        self, address: int, module: int | None
    ) -> tuple[int, MemoryRange, int] | None:
        """Return module index, range and relative address of an address.

        With `module`, the address is already relative to that module. The address just
        after the end belongs to a range, too: a call that never returns may be its
        last instruction.
        """
        if module is None:
            return self._find_absolute(address)
        if not 0 <= module < len(self._ranges):
            return None
        return module, self._ranges[module], address

    def _find_absolute(self, address: int) -> tuple[int, MemoryRange, int] | None:
        position = bisect_right(self._starts, address) - 1
        if position < 0:
            return None
        module = self._order[position]
        memory_range = self._ranges[module]
        relative = address - memory_range.address
        if memory_range.size_bytes and relative > memory_range.size_bytes:
            return None
        return module, memory_range, relative
