"""Repairs what can be repaired without losing anything, and leads to what heals the rest.

Bytes that are damaged or gone can only be sent again: from here on they are missing,
so the next upload of a file that has them sends just those.
"""

from collections.abc import Callable, Iterable

from django.utils import timezone

from symdepot.pipeline.fsck import checker
from symdepot.pipeline.fsck.report import Fault, Finding, Subject
from symdepot.pipeline.gc import deletion
from symdepot.symcaches import creation
from symdepot.symcaches.models import SymCache
from symdepot.uploads import chunks
from symdepot.uploads.models import Assembly, Chunk, ChunkOwner, File, State


def repair(findings: Iterable[Finding]) -> list[Finding]:
    """Repair these, each if it is still so; return those that something was done about.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    return [finding for finding in findings if _repair(finding)]


def _repair(finding: Finding) -> bool:
    cure = _CURES.get((finding.fault, finding.subject)) or _CURES[finding.fault]
    return cure(finding)


def _let_be_sent_again(finding: Finding) -> bool:
    if checker.fault_of(finding.checksum) is None:
        return False
    chunks.forget_damaged(finding.checksum)
    with chunks.freeing():
        # Nobody would ever send one again that no file has.
        deletion.delete_chunks([finding.row], timezone.now())
    deletion.delete_blobs([finding.checksum])
    return True


def _let_be_made_again(finding: Finding) -> bool:
    row = SymCache.objects.filter(pk=finding.row).first()
    if row is None or checker.fault_of(finding.checksum) is None:
        return False
    creation.recreate(row)
    deletion.delete_blobs([finding.checksum])
    return True


def _correct_size(finding: Finding) -> bool:
    """Believe the bytes, which hash right, rather than the row."""
    true = {"size_bytes": finding.size_bytes}
    if finding.subject is Subject.SYMCACHE:
        return bool(SymCache.objects.filter(pk=finding.row).update(**true))
    ChunkOwner.objects.filter(chunk=finding.row).update(**true)
    return bool(Chunk.objects.filter(pk=finding.row).update(**true))


def _free(finding: Finding) -> bool:
    return bool(deletion.delete_blobs([finding.checksum]))


def _forget_answer(finding: Finding) -> bool:
    rows = Assembly.objects.filter(pk=finding.row, state=State.OK)
    return bool(rows.delete()[0])


def _shun(finding: Finding) -> bool:
    rows = File.objects.filter(pk=finding.row, damaged_at=None)
    return bool(rows.update(damaged_at=timezone.now()))


def _trust(finding: Finding) -> bool:
    rows = File.objects.filter(pk=finding.row).exclude(damaged_at=None)
    return bool(rows.update(damaged_at=None))


_CURES: dict[tuple[Fault, Subject] | Fault, Callable[[Finding], bool]] = {
    (Fault.MISSING, Subject.CHUNK): _let_be_sent_again,
    (Fault.DAMAGED, Subject.CHUNK): _let_be_sent_again,
    Fault.MISSING: _let_be_made_again,
    Fault.DAMAGED: _let_be_made_again,
    Fault.WRONG_SIZE: _correct_size,
    Fault.ORPHAN: _free,
    Fault.INCOMPLETE: _shun,
    Fault.SHUNNED: _trust,
    Fault.UNTRUE: _forget_answer,
}
