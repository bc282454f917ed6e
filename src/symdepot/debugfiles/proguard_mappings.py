"""Finds the mapping that is meant for a text, in which names were shortened."""

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
"""Newest first; who has more of them should say which is meant."""

_HEAD_BYTES = 8192
_REMEMBERED = 4096
_SHORT_DIGITS = 7
_uuids = re.compile(
    r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b",
    re.IGNORECASE,
).findall


def current(project: Project) -> list[DebugFile]:
    """Return the current mappings of `project`, newest first; of each id the newest."""
    return _newest(DebugFile.objects.within(project))


def candidates_for_text(project: Project, text: str) -> list[DebugFile]:
    """Return the current mappings that may be meant, newest first.

    Those whose id stands in the text; if there are none, those that R8 names in it; if
    there are none of these, all, but where R8 names one, none that it calls otherwise.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    named = {str(DebugId(UUID(found))) for found in _uuids(text)}
    rows = DebugFile.objects.within(project)
    by_id = _newest(rows.filter(debug_id__in=sorted(named)[:MAX_CANDIDATES]))
    if by_id:
        return by_id
    known, made_by_r8 = current(project), stack_text.r8_map_ids(text)
    if not made_by_r8:
        return known
    short = _shortened(made_by_r8)
    called = _r8_ids([row.file_id for row in known])
    by_r8 = [row for row in known if not short.isdisjoint(called[row.file_id])]
    return by_r8 or [row for row in known if not called[row.file_id]]


def _newest(rows: DebugFileQuerySet) -> list[DebugFile]:
    mappings = rows.current().filter(file_format=Format.PROGUARD).order_by("-pk")
    newest: dict[str, DebugFile] = {}
    for row in mappings[:MAX_CANDIDATES]:
        newest.setdefault(row.debug_id, row)
    return list(newest.values())


def _r8_ids(files: Sequence[int]) -> dict[int, frozenset[str]]:
    """Return the ids that R8 wrote at the beginnings of these files."""
    firsts = FileChunk.objects.filter(file__in=files, position=0)
    called = dict.fromkeys(files, frozenset[str]())
    for file_id, checksum in firsts.values_list("file_id", "chunk__checksum"):
        with suppress(BlobMissing):
            called[file_id] = _r8_ids_in(Checksum(checksum))
    return called


@lru_cache(_REMEMBERED)
def _r8_ids_in(chunk: Checksum) -> frozenset[str]:
    with blob_store().open(chunk) as content:
        return _shortened(proguard.r8_ids(content.read(_HEAD_BYTES)))


def _shortened(ids: Iterable[str]) -> frozenset[str]:
    """Return ids as R8 shortens them: a text may have them whole, and a mapping not."""
    return frozenset(one[:_SHORT_DIGITS] for one in ids)
