"""Finds the mapping that is meant for a text, in which names were shortened."""

import re
from contextlib import suppress
from uuid import UUID

from symdepot.blobs.store import BlobStore
from symdepot.debugfiles import lookup
from symdepot.debugfiles.models import DebugFile
from symdepot.domain import java_lines, proguard
from symdepot.domain.errors import BlobMissing
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format
from symdepot.projects.models import Project

MOST_LOOKED_AT = 500
"""Newest first; who has more of them should say which is meant."""

_HEAD_BYTES = 8192
_uuids = re.compile(
    r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b",
    re.IGNORECASE,
).findall


def current(project: Project) -> list[DebugFile]:
    """Return the current mappings of `project`, newest first; of each id the newest."""
    rows = DebugFile.objects.within(project).current()
    mappings = rows.filter(file_format=Format.PROGUARD).order_by("-pk")
    newest: dict[str, DebugFile] = {}
    for row in mappings[:MOST_LOOKED_AT]:
        newest.setdefault(row.debug_id, row)
    return list(newest.values())


def meant(project: Project, text: str, store: BlobStore) -> list[DebugFile]:
    """Return the current mappings that may be meant, newest first.

    Those whose id stands in the text; if there are none, those that R8 names in it; if
    there are none of these, all.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    known = current(project)
    named = {str(DebugId(UUID(found))) for found in _uuids(text)}
    by_id = [row for row in known if row.debug_id in named]
    made_by_r8 = java_lines.r8_map_ids(text)
    if by_id or not made_by_r8:
        return by_id or known
    by_r8 = [row for row in known if not made_by_r8.isdisjoint(_r8_ids(row, store))]
    return by_r8 or known


def _r8_ids(row: DebugFile, store: BlobStore) -> set[str]:
    """Return the ids that R8 wrote at the beginning of a mapping."""
    chunks = lookup.content(row).chunks
    with suppress(BlobMissing), store.open(chunks[0][0]) as content:
        return proguard.r8_ids(content.read(_HEAD_BYTES))
    return set()
