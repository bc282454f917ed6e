"""What a client says of a file that does not stand in it: its name, and its id."""

import re
from dataclasses import replace
from pathlib import PurePosixPath

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import proguard
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile

_base_name = re.compile(r"[^/\\]*\Z").search


def object_name(name: str, file_format: Format) -> str:
    r"""Return what an object is called, of which a client says `name`.

    That is the base name, after either kind of slash. Source: spec/sentry-server 2.12.

    >>> object_name("C:\\build\\a.exe", Format.PE)
    'a.exe'
    """
    match = _base_name(name)
    base_name = match[0] if match else name
    match file_format:
        case Format.BREAKPAD:
            return base_name.removesuffix(".sym")
        case Format.PROGUARD:
            return proguard.OBJECT_NAME
        case _:
            return base_name


def id_from_name(name: str) -> DebugId | None:
    """Return the debug id that a name gives, to a file of whatever format.

    >>> id_from_name("maps/C8374B6D-6E96-34D8-AE38-EFAA5FEC424F.plist")
    DebugId(uuid=UUID('c8374b6d-6e96-34d8-ae38-efaa5fec424f'), age=0)
    """
    return proguard.id_from_name(name) or _stem(name)


def with_claimed_id(object_file: ObjectFile, claim: DebugId | None) -> ObjectFile:
    """Return the object under the debug id that the client claims, if it may.

    A client may correct the age, which a program does not always know of its PDB; a
    claim of another UUID is passed over. Where the format does not tell the id, the
    claim is the id. Without one, a UUID map is called by its name, and what has an id
    already keeps it, as a mapping of ProGuard's that of its name.

    Raises:
        NotADebugFile: the format does not tell the id, and the client neither.

    Source: spec/sentry-server 2.11; for the texts, 2.9.
    """
    if object_file.format.tells_id:
        if claim is None or claim.uuid != object_file.debug_id.uuid:
            return object_file
        return replace(object_file, debug_id=claim)
    given = claim or _called(object_file)
    if given is None:
        raise NotADebugFile(_NO_ID[object_file.format])
    return replace(object_file, debug_id=given)


def with_offered_id(
    known: ObjectFile, *, name: str, claim: DebugId | None
) -> ObjectFile:
    """Return what a known content is when it is offered under this name and claim.

    Its debug id may be another than the one it is known by.

    Raises:
        NotADebugFile: it is offered as a mapping of ProGuard's, and is none.

    Source: spec/sentry-server 2.7.
    """
    mapping_id = proguard.id_from_name(name)
    if mapping_id is not None and known.format is not Format.PROGUARD:
        raise NotADebugFile(proguard.NOT_A_MAPPING)
    called = replace(
        known,
        name=object_name(name, known.format),
        debug_id=mapping_id or known.debug_id,
    )
    return with_claimed_id(called, claim)


def _called(object_file: ObjectFile) -> DebugId | None:
    own = object_file.debug_id
    match object_file.format:
        case Format.PROGUARD:
            return own
        case Format.UUID_MAP:
            return _stem(object_file.name) or (None if own.is_nil else own)
        case _:
            return None if own.is_nil else own


def _stem(name: str) -> DebugId | None:
    return DebugId.parse_or_none(PurePosixPath(name).stem)


_NO_ID = {
    Format.BC_SYMBOL_MAP: "Missing debug_id for BCSymbolMap",
    Format.DART_SYMBOL_MAP: "Missing debug_id for dartsymbolmap",
    Format.IL2CPP: "Missing debug_id for il2cpp",
    Format.UUID_MAP: "Invalid UuidMap: neither its name nor the request is a debug id",
}
