"""Finds the ProGuard mappings that may belong to a stack trace."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from uuid import UUID

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile, DebugFileQuerySet
from symdepot.domain.errors import BlobMissing
from symdepot.domain.formats import proguard
from symdepot.domain.ids import Checksum, DebugId
from symdepot.domain.jvm import stack_text
from symdepot.domain.objects import Format
from symdepot.projects.models import Project
from symdepot.uploads.models import FileChunk

MAX_CANDIDATES = 500
"""The newest ones; with more, a client should name the mapping."""

_HEAD_BYTES = 8192
_MAX_HEADS_IN_MEMORY = 4096
_SHORT_DIGITS = 7
_uuids = re.compile(
    r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b",
    re.IGNORECASE,
).findall


def current(project: Project) -> list[DebugFile]:
    """Return the current mappings of `project`, the newest of each id, newest first."""
    return _newest(DebugFile.objects.within(project))


def candidates_for_text(project: Project, text: str) -> list[DebugFile]:
    """Return the current mappings that may belong to `text`, newest first.

    Those whose id is in the text; else those whose R8 id is in it; else all, or, if an
    R8 id is in the text, those without an R8 id.

    Raises:
        StorageUnavailable: the store failed.
    """
    named = {str(DebugId(UUID(found))) for found in _uuids(text)}
    rows = DebugFile.objects.within(project)
    by_id = _newest(rows.filter(debug_id__in=sorted(named)[:MAX_CANDIDATES]))
    if by_id:
        return by_id
    known, ids_in_text = current(project), stack_text.r8_map_ids(text)
    if not ids_in_text:
        return known
    short = _shortened(ids_in_text)
    r8_ids = _r8_ids([row.file_id for row in known])
    by_r8 = [row for row in known if not short.isdisjoint(r8_ids[row.file_id])]
    return by_r8 or [row for row in known if not r8_ids[row.file_id]]


def _newest(rows: DebugFileQuerySet) -> list[DebugFile]:
    mappings = rows.current().filter(file_format=Format.PROGUARD).order_by("-pk")
    newest: dict[str, DebugFile] = {}
    for row in mappings[:MAX_CANDIDATES]:
        newest.setdefault(row.debug_id, row)
    return list(newest.values())


def _r8_ids(files: Sequence[int]) -> dict[int, frozenset[str]]:
    """Return the R8 ids at the beginnings of these files."""
    firsts = FileChunk.objects.filter(file__in=files, position=0)
    found = dict.fromkeys(files, frozenset[str]())
    for file_id, checksum in firsts.values_list("file_id", "chunk__checksum"):
        with suppress(BlobMissing):
            found[file_id] = _r8_ids_in(Checksum(checksum))
    return found


@lru_cache(_MAX_HEADS_IN_MEMORY)
def _r8_ids_in(chunk: Checksum) -> frozenset[str]:
    with blob_store().open(chunk) as content:
        return _shortened(proguard.r8_ids(content.read(_HEAD_BYTES)))


def _shortened(ids: Iterable[str]) -> frozenset[str]:
    """Return ids as R8 shortens them: a text may have the whole id, a mapping not."""
    return frozenset(one[:_SHORT_DIGITS] for one in ids)
