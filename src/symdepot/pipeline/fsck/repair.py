"""Repair the faults that can be repaired without losing data.

Damaged and missing chunks can only be uploaded again. Repair makes them count as
missing, so that the next upload of a file that has them sends just these.
"""

from collections.abc import Callable, Iterable

from django.utils import timezone

from symdepot.pipeline.fsck import checker
from symdepot.pipeline.fsck.report import Fault, Finding, Subject
from symdepot.pipeline.gc import deletion
from symdepot.symcaches import lifecycle
from symdepot.symcaches.models import SymCache
from symdepot.uploads import chunks
from symdepot.uploads.models import Assembly, Chunk, ChunkOwner, File, State


def repair(findings: Iterable[Finding]) -> list[Finding]:
    """Repair the faults that still exist; return those that were repaired.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    return [finding for finding in findings if _repair(finding)]


def _repair(finding: Finding) -> bool:
    by_subject = _REPAIRS.get((finding.fault, finding.subject))
    return (by_subject or _REPAIRS[finding.fault])(finding)


def _forget_chunk(finding: Finding) -> bool:
    """Make a chunk count as missing, so that clients send it again."""
    if checker.find_fault(finding.checksum) is None:
        return False
    chunks.forget_damaged(finding.checksum)
    with chunks.freeing():
        # A chunk that no file has would never be sent again.
        deletion.delete_chunks([finding.row], timezone.now())
    deletion.delete_blobs([finding.checksum])
    return True


def _recreate_symcache(finding: Finding) -> bool:
    row = SymCache.objects.filter(pk=finding.row).first()
    if row is None or checker.find_fault(finding.checksum) is None:
        return False
    lifecycle.recreate(row)
    deletion.delete_blobs([finding.checksum])
    return True


def _correct_size(finding: Finding) -> bool:
    """Set the size in the rows to that of the blob, which has the right checksum."""
    size = {"size_bytes": finding.size_bytes}
    if finding.subject is Subject.SYMCACHE:
        return bool(SymCache.objects.filter(pk=finding.row).update(**size))
    ChunkOwner.objects.filter(chunk=finding.row).update(**size)
    return bool(Chunk.objects.filter(pk=finding.row).update(**size))


def _delete_orphan(finding: Finding) -> bool:
    return bool(deletion.delete_blobs([finding.checksum]))


def _delete_status(finding: Finding) -> bool:
    rows = Assembly.objects.filter(pk=finding.row, state=State.OK)
    return bool(rows.delete()[0])


def _mark_damaged(finding: Finding) -> bool:
    rows = File.objects.filter(pk=finding.row, damaged_at=None)
    return bool(rows.update(damaged_at=timezone.now()))


def _unmark_damaged(finding: Finding) -> bool:
    rows = File.objects.filter(pk=finding.row).exclude(damaged_at=None)
    return bool(rows.update(damaged_at=None))


_REPAIRS: dict[tuple[Fault, Subject] | Fault, Callable[[Finding], bool]] = {
    (Fault.MISSING, Subject.CHUNK): _forget_chunk,
    (Fault.DAMAGED, Subject.CHUNK): _forget_chunk,
    Fault.MISSING: _recreate_symcache,
    Fault.DAMAGED: _recreate_symcache,
    Fault.WRONG_SIZE: _correct_size,
    Fault.ORPHAN: _delete_orphan,
    Fault.INCOMPLETE: _mark_damaged,
    Fault.MARKED_DAMAGED: _unmark_damaged,
    Fault.OK_WITHOUT_FILE: _delete_status,
}
