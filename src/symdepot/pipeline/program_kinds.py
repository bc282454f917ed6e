"""Corrects the kinds of ELF files that an earlier version registered.

It took static programs for companions, so that they were not served as executables.
"""

from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import SymdepotError
from symdepot.domain.formats import elf_headers
from symdepot.domain.ids import Checksum
from symdepot.domain.objects import Format
from symdepot.jobs import locks
from symdepot.uploads import chunk_joiner
from symdepot.uploads.models import FileChunk

LOCK = "program_kinds"
_ONCE = timedelta(days=20 * 365)
"""A migration makes the job due; a new installation has nothing to correct."""
_ROWS_PER_QUERY = 500
_log = structlog.get_logger(__name__)


def correct_program_kinds() -> int:
    """Read the section headers of all companions once; return how many are programs."""
    corrected = 0
    with locks.periodic_lock(LOCK, every=_ONCE) as renew:
        if renew is None:
            return 0
        companions = DebugFile.objects.filter(
            file_format=Format.ELF, kind=elf_headers.COMPANION
        )
        for row in companions.select_related("file").iterator(_ROWS_PER_QUERY):
            corrected += _correct(row)
            renew()
    return corrected


def _correct(row: DebugFile) -> bool:
    chunks = FileChunk.objects.filter(file=row.file).order_by("position")
    checksums = chunks.values_list("chunk__checksum", flat=True)
    try:
        with chunk_joiner.local_file(
            Checksum(row.file.checksum),
            [Checksum(one) for one in checksums],
            blob_store(),
            Path(settings.SCRATCH_DIR),
        ) as path:
            kind = elf_headers.program_kind(path)
    except SymdepotError as error:
        _log.warning("program_kind.unknown", row=row.pk, reason=str(error))
        return False
    if kind in {None, elf_headers.COMPANION}:
        return False
    return bool(DebugFile.objects.filter(pk=row.pk).update(kind=kind))
