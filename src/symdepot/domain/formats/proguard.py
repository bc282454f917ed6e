"""ProGuard mappings: text that says how a program's names were shortened."""

import mmap
import re
from pathlib import Path
from uuid import UUID

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile

NOT_A_MAPPING = "This file is not a ProGuard mapping."
OBJECT_NAME = "proguard-mapping"

_UPLOADED_AS = re.compile(r"/proguard/(?:mapping-)?(.*?)\.txt$").search
# Names of classes have neither blanks nor colons; those of members are indented.
_CLASS_LINE = rb"^[^\s#:][^\s:]* -> [^\s:]+:[ \t]*+(?:#.*)?\r?$"
_HEADER_LINE = (
    rb"^# *(?:compiler|compiler_version|compiler_hash|min_api|pg_map_id|pg_map_hash): "
    rb"|^# *\{ *\"id\" *: *\"com\.android\.tools\.r8\."
)
_r8_ids = re.compile(
    rb"^# *pg_map_(?:id|hash): *(?:SHA-256 +)?([0-9a-f]{7,64})\r?$", re.MULTILINE
).findall
_sign_of_a_mapping = re.compile(_CLASS_LINE + b"|" + _HEADER_LINE, re.MULTILINE).search


def id_from_name(name: str) -> DebugId | None:
    """Return the id in the name that clients give to a mapping, or None.

    Source: spec/sentry-server 2.12; a mapping says nowhere inside what its id is.

    >>> id_from_name("/proguard/mapping-dfb8e43a-f242-3d73-a453-aeb6a777ef75.txt")
    DebugId(uuid=UUID('dfb8e43a-f242-3d73-a453-aeb6a777ef75'), age=0)
    >>> id_from_name("proguard/mapping-dfb8e43a-f242-3d73-a453-aeb6a777ef75.txt")
    """
    match = _UPLOADED_AS(name)
    if match is None:
        return None
    try:
        return DebugId(UUID(match[1]))
    except ValueError:
        return None


def r8_ids(head: bytes) -> set[str]:
    r"""Return the ids that R8 gives to a mapping, from its first lines.

    Source: R8's `ProguardMapId` and `MapIdTemplateProvider`.

    >>> sorted(r8_ids(b"# pg_map_id: 5b46fdc\n# pg_map_hash: SHA-256 5b46fdcabc\n"))
    ['5b46fdc', '5b46fdcabc']
    """
    return {found.decode("ascii") for found in _r8_ids(head)}


def describe_mapping(path: Path, debug_id: DebugId) -> ObjectFile:
    """Describe the mapping at `path`.

    The name that it comes under is no proof, since sentry-cli from 3.3.1 on sends
    whatever it is given. A mapping has a line for a class, `long.Name -> a.b:`, or,
    where no class was renamed, at least the comments that R8 begins with.

    Raises:
        NotADebugFile: it has neither, wherever one looks, or is no text.

    Source: the ProGuard manual, "ReTrace", format of the mapping file; R8's
    `MapVersion` and `ProguardMapId` for what stands in the comments.
    """
    if not path.stat().st_size or not _looks_like_a_mapping(path):
        raise NotADebugFile(NOT_A_MAPPING)
    return ObjectFile(
        format=Format.PROGUARD,
        kind=None,
        arch="any",
        debug_id=debug_id,
        code_id=None,
        features=frozenset({"mapping"}),
        name=OBJECT_NAME,
    )


def _looks_like_a_mapping(path: Path) -> bool:
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return content.find(b"\0") < 0 and _sign_of_a_mapping(content) is not None
