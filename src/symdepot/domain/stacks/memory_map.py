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
        self._ranges = list(ranges)
        self._order = sorted(range(len(ranges)), key=lambda i: ranges[i].address)
        self._starts = [ranges[i].address for i in self._order]
        for i, following in pairwise(self._order):
            if not ranges[i].size_bytes:
                size = ranges[following].address - ranges[i].address
                self._ranges[i] = replace(ranges[i], size_bytes=size)

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
        if module is not None:
            is_known = 0 <= module < len(self._ranges)
            return (module, self._ranges[module], address) if is_known else None
        position = bisect_right(self._starts, address) - 1
        if position < 0:
            return None
        module = self._order[position]
        memory_range = self._ranges[module]
        relative = address - memory_range.address
        is_inside = not memory_range.size_bytes or relative <= memory_range.size_bytes
        return (module, memory_range, relative) if is_inside else None
