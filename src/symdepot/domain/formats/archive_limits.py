"""Limits against archives that expand to fill disk or memory."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much may be extracted from one archive or member.

    Debug files compress to a third or a tenth, sources to a fifth, tables of numbers to
    a fiftieth; a bomb in deflate to a thousandth.
    """

    max_members: int
    free_bytes: int
    """Extracted bytes that are allowed whatever the ratio."""
    max_ratio: int = 200

    def max_bytes(self, packed_bytes: int) -> int:
        """Return how many bytes an archive of `packed_bytes` may expand to."""
        return self.free_bytes + self.max_ratio * packed_bytes


PACKAGES = ArchiveLimits(max_members=200_000, free_bytes=64 << 20)
ZIP_UPLOADS = ArchiveLimits(max_members=10_000, free_bytes=64 << 20)
SOURCE_BUNDLES = ArchiveLimits(max_members=200_000, free_bytes=1 << 20)
"""More files than the largest programs have; a Linux kernel has 30,000."""
