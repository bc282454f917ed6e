"""ProGuard mappings: text that maps shortened names to the original ones."""

import mmap
import re
from pathlib import Path
from uuid import UUID

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.ids import DebugId

NOT_A_MAPPING = "This file is not a ProGuard mapping."
OBJECT_NAME = "proguard-mapping"

_match_name = re.compile(r"/proguard/(?:mapping-)?(.*?)\.txt$").search
# Class names contain neither blanks nor colons; lines of members are indented.
_CLASS_LINE = rb"^[^\s#:][^\s:]* -> [^\s:]+:[ \t]*+(?:#.*)?\r?$"
_HEADER_LINE = (
    rb"^# *(?:compiler|compiler_version|compiler_hash|min_api|pg_map_id|pg_map_hash): "
    rb"|^# *\{ *\"id\" *: *\"com\.android\.tools\.r8\."
)
_r8_ids = re.compile(
    rb"^# *pg_map_(?:id|hash): *(?:SHA-256 +)?([0-9a-f]{7,64})\r?$", re.MULTILINE
).findall
_find_mapping_line = re.compile(_CLASS_LINE + b"|" + _HEADER_LINE, re.MULTILINE).search


def id_from_name(name: str) -> DebugId | None:
    """Return the id in the name under which clients upload a mapping, or None.

    Source: spec/sentry-server 2.12; mappings do not contain their id.

    >>> id_from_name("/proguard/mapping-dfb8e43a-f242-3d73-a453-aeb6a777ef75.txt")
    DebugId(uuid=UUID('dfb8e43a-f242-3d73-a453-aeb6a777ef75'), age=0)
    >>> id_from_name("proguard/mapping-dfb8e43a-f242-3d73-a453-aeb6a777ef75.txt")
    """
    match = _match_name(name)
    if match is None:
        return None
    try:
        return DebugId(UUID(match[1]))
    except ValueError:
        return None


def r8_ids(head: bytes) -> set[str]:
    r"""Return the ids that R8 wrote into the first lines of a mapping.

    Source: R8's `ProguardMapId` and `MapIdTemplateProvider`.

    >>> sorted(r8_ids(b"# pg_map_id: 5b46fdc\n# pg_map_hash: SHA-256 5b46fdcabc\n"))
    ['5b46fdc', '5b46fdcabc']
    """
    return {found.decode("ascii") for found in _r8_ids(head)}


def check_mapping(path: Path) -> None:
    """Check that the file at `path` is a mapping.

    The name is no proof: sentry-cli from 3.3.1 on does not check files. A mapping has a
    line for a class, `long.Name -> a.b:`, or at least the comments of R8 if no class was
    renamed.

    Raises:
        NotADebugFile: it has neither, or is not text.

    Source: the ProGuard manual, "ReTrace", format of the mapping file; R8's
    `MapVersion` and `ProguardMapId` for the comments.
    """
    if not path.stat().st_size:
        raise NotADebugFile(NOT_A_MAPPING)
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        if content.find(b"\0") >= 0 or not _find_mapping_line(content):
            raise NotADebugFile(NOT_A_MAPPING)
