"""The images of a process: which module lies at an address."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class MemoryRange:
    """Where a module was loaded. `size_bytes` is 0 where nobody knows it."""

    address: int
    size_bytes: int = 0

    @property
    def has_absolute_addresses(self) -> bool:
        """Whether an address says by itself that it lies here.

        WebAssembly has an address space for each module: all are loaded at 0.
        """
        return self.address != 0


class MemoryMap:
    """The images of a process, in the order given, their missing sizes filled in.

    An image without a size reaches up to the next; the last one has no end.

    Source: spec/serving 4.5.

    >>> images = MemoryMap([MemoryRange(0x2000, 0x1000), MemoryRange(0x1000)])
    >>> images[0].size_bytes, images[1].size_bytes
    (4096, 4096)
    """

    def __init__(self, images: Sequence[MemoryRange]) -> None:
        by_address = sorted(range(len(images)), key=lambda i: images[i].address)
        filled = list(images)
        for i, following in pairwise(by_address):
            if not images[i].size_bytes:
                size = images[following].address - images[i].address
                filled[i] = replace(images[i], size_bytes=size)
        self._images = filled
        self._order = by_address
        self._starts = [images[i].address for i in by_address]

    def __getitem__(self, index: int) -> MemoryRange:
        return self._images[index]

    def find(
        self, address: int, index: int | None
    ) -> tuple[int, MemoryRange, int] | None:
        """Return index, image and relative address of what lies at an address.

        With an `index`, the address is relative to that image. The address just past
        the end belongs to an image, too: a call that never returns may be its last
        instruction.
        """
        if index is None:
            return self._at(address)
        if not 0 <= index < len(self._images):
            return None
        return index, self._images[index], address

    def _at(self, address: int) -> tuple[int, MemoryRange, int] | None:
        place = bisect_right(self._starts, address) - 1
        if place < 0:
            return None
        found = self._order[place]
        image = self._images[found]
        relative = address - image.address
        if image.size_bytes and relative > image.size_bytes:
            return None
        return found, image, relative
