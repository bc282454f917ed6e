"""ProGuard mappings: text that says how a program's names were shortened."""

import codecs
import re
from pathlib import Path
from uuid import UUID

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile

NOT_A_MAPPING = "This file is not a ProGuard mapping."

_UPLOADED_AS = re.compile(r"/proguard/(?:mapping-)?(.*?)\.txt$").search
_HEAD_BYTES = 65_536


def mapping_id(name: str) -> DebugId | None:
    """Return the id in the name that clients give to a mapping, or None.

    Source: spec/sentry-server 2.12; a mapping says nowhere inside what its id is.

    >>> mapping_id("/proguard/mapping-dfb8e43a-f242-3d73-a453-aeb6a777ef75.txt")
    DebugId(uuid=UUID('dfb8e43a-f242-3d73-a453-aeb6a777ef75'), age=0)
    >>> mapping_id("proguard/mapping-dfb8e43a-f242-3d73-a453-aeb6a777ef75.txt")
    """
    match = _UPLOADED_AS(name)
    if match is None:
        return None
    try:
        return DebugId(UUID(match[1]))
    except ValueError:
        return None


def mapping(path: Path, debug_id: DebugId) -> ObjectFile:
    """Describe the mapping at `path`, of which no more than the head is looked at.

    sentry-cli from 3.3.1 on sends any text, so any text is taken.

    Raises:
        NotADebugFile: it is empty, or no text.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head or not _is_text(head):
        raise NotADebugFile(NOT_A_MAPPING)
    return ObjectFile(
        format=Format.PROGUARD,
        kind=None,
        arch="any",
        debug_id=debug_id,
        code_id=None,
        features=frozenset({"mapping"}),
        name="proguard-mapping",
    )


def _is_text(head: bytes) -> bool:
    try:
        # The last character of the head may be cut short, which is no fault.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head
