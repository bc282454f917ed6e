"""How much there is to find, counted anew each minute.

What the program is called that a debug file is of: `xul.dll`, of `xul.pdb`.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from uuid import UUID

from django.db.models import Count, QuerySet

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import BlobMissing, Unavailable
from symdepot.domain.ids import Checksum, DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.domain.selection import ranking
from symdepot.domain.selection.file_query import FileRole
from symdepot.projects.models import Project
from symdepot.uploads.models import FileChunk

_ROLES = (FileRole.DEBUGINFO, FileRole.EXECUTABLE)
_SECONDS = 60
_MOST_REMEMBERED = 64


def count_by_role(projects: QuerySet[Project]) -> Mapping[FileRole, int]:
    """Return how many current ELF files of `projects` serve as what.

    All of their rows are looked at, so the answer may be a minute old.
    """
    ids = tuple(projects.order_by("pk").values_list("pk", flat=True))
    return in_minute(ids, int(time.monotonic() / _SECONDS))


@lru_cache(maxsize=_MOST_REMEMBERED)
def in_minute(project_ids: tuple[int, ...], minute: int) -> Mapping[FileRole, int]:
    """Return the same for projects with these row ids, as of this minute."""
    alike = (
        DebugFile.objects.current()
        .filter(project__in=project_ids, file_format=Format.ELF.value)
        .values_list("kind", "features")
        .annotate(number=Count("pk"))
        .order_by()
    )
    total: Counter[FileRole] = Counter(dict.fromkeys(_ROLES, 0))
    for kind, features, number in alike:
        one = _such_as(kind, frozenset(features))
        total.update({role: number for role in _ROLES if ranking.can_serve(one, role)})
    return total


def _such_as(kind: str, features: frozenset[str]) -> ObjectFile:
    return ObjectFile(
        format=Format.ELF,
        kind=kind or None,
        arch="",
        debug_id=DebugId(UUID(int=0)),
        code_id=None,
        features=features,
        name="",
    )


_REMEMBERED = 4096
_HEAD_BYTES = 4096
_LONGEST = 500
_told_in = re.compile(
    rb"^INFO CODE_ID [0-9A-Fa-f]+ ([^\r\n]+)\r?$", re.MULTILINE
).search


def code_file_name(debug_file: DebugFile, akin: Iterable[DebugFile]) -> str:
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
