"""The faults that a check can find, and its report."""

from dataclasses import dataclass, field
from enum import StrEnum

from symdepot.domain.ids import Checksum


class Fault(StrEnum):
    """Kinds of faults. The values are part of the JSON report."""

    MISSING = "missing"
    DAMAGED = "damaged"
    WRONG_SIZE = "wrong-size"
    ORPHAN = "orphan"
    INCOMPLETE = "incomplete"
    MARKED_DAMAGED = "sound-but-held-for-damaged"
    OK_WITHOUT_FILE = "ok-without-debug-file"


class Subject(StrEnum):
    """What has a fault. The values are part of the JSON report."""

    CHUNK = "chunk"
    SYMCACHE = "symcache"
    FILE = "file"
    UPLOAD = "upload"
    BLOB = "blob"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a row, or of a blob without one.

    `size_bytes` is the actual size of the blob, or 0. `affected` describes the debug
    files that cannot be read because of the fault.
    """

    fault: Fault
    subject: Subject
    checksum: Checksum
    row: int = 0
    size_bytes: int = 0
    affected: tuple[str, ...] = ()


@dataclass(slots=True)
class FsckReport:
    """What was checked and found. Young blobs have no row, but may still get one."""

    findings: list[Finding] = field(default_factory=list)
    blobs: int = 0
    size_bytes: int = 0
    young_blobs: int = 0
    files: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether there are no faults."""
        return not self.findings
