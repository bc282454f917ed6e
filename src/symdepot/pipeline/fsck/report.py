"""What can be wrong with what is kept, and what was found to be."""

from dataclasses import dataclass, field
from enum import StrEnum

from symdepot.domain.ids import Checksum


class Fault(StrEnum):
    """What can be wrong."""

    MISSING = "missing"
    DAMAGED = "damaged"
    WRONG_SIZE = "wrong-size"
    ORPHAN = "orphan"
    INCOMPLETE = "incomplete"
    SHUNNED = "sound-but-held-for-damaged"
    UNTRUE = "ok-without-debug-file"


class Subject(StrEnum):
    """What it can be wrong with."""

    CHUNK = "chunk"
    SYMCACHE = "symcache"
    FILE = "file"
    UPLOAD = "upload"
    BLOB = "blob"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a row, or with a blob that has none.

    `size_bytes` is what its bytes really have. `hurts` names the debug files that
    cannot be read for it.
    """

    fault: Fault
    subject: Subject
    checksum: Checksum
    row: int = 0
    size_bytes: int = 0
    hurts: tuple[str, ...] = ()


@dataclass(slots=True)
class FsckReport:
    """What was looked at, and what was found; `young` blobs may yet get their row."""

    findings: list[Finding] = field(default_factory=list)
    blobs: int = 0
    size_bytes: int = 0
    young: int = 0
    files: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings
