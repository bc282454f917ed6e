"""What the program is called that a debug file is of: `xul.dll`, of `xul.pdb`."""

import re
from collections.abc import Iterable
from functools import lru_cache

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobMissing, Unavailable
from symdepot.domain.ids import Checksum
from symdepot.domain.objects import Format
from symdepot.uploads.models import FileChunk

_REMEMBERED = 4096
_HEAD_BYTES = 4096
_LONGEST = 500
_told_in = re.compile(
    rb"^INFO CODE_ID [0-9A-Fa-f]+ ([^\r\n]+)\r?$", re.MULTILINE
).search


def name(debug_file: DebugFile, akin: Iterable[DebugFile]) -> str:
    """Return what the program of `debug_file` is called; empty if nobody knows.

    A symbol file may tell. Else, of a PDB, the program itself may be kept: it is
    `akin`, as all that has the same debug id.

    Source: spec/serving 5.1; Breakpad's docs/symbol_files.md, "INFO CODE_ID".
    """
    if debug_file.file_format != Format.BREAKPAD:
        programs = (row for row in akin if row.file_format == Format.PE)
        return next((row.object_name for row in programs), "")
    try:
        return _told_by(debug_file.file.checksum)
    except (BlobMissing, Unavailable):
        return ""


@lru_cache(_REMEMBERED)
def _told_by(checksum: str) -> str:
    """Return what the symbol file with these bytes tells, which never changes."""
    first = FileChunk.objects.filter(file__checksum=checksum, position=0)
    chunk = first.values_list("chunk__checksum", flat=True).first()
    if chunk is None:
        return ""
    with blob_store().open(Checksum(chunk)) as blob:
        match = _told_in(blob.read(_HEAD_BYTES))
    return match[1].decode("utf-8", "replace").strip()[:_LONGEST] if match else ""
