"""The name and debug id that a client sends with a file."""

import re
from dataclasses import replace
from pathlib import PurePosixPath

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import proguard
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile


def object_name(name: str, file_format: Format) -> str:
    r"""Return the name of an object: the base name of the client's, after `/` or `\\`.

    Source: spec/sentry-server 2.12.

    >>> object_name("C:\\build\\a.exe", Format.PE)
    'a.exe'
    """
    base_name = re.split(r"[/\\]", name)[-1]
    match file_format:
        case Format.BREAKPAD:
            return base_name.removesuffix(".sym")
        case Format.PROGUARD:
            return proguard.OBJECT_NAME
        case _:
            return base_name


def id_from_name(name: str) -> DebugId | None:
    """Return the debug id in a file name, or None.

    >>> id_from_name("maps/C8374B6D-6E96-34D8-AE38-EFAA5FEC424F.plist")
    DebugId(uuid=UUID('c8374b6d-6e96-34d8-ae38-efaa5fec424f'), age=0)
    """
    return proguard.id_from_name(name) or _id_from_stem(name)


def with_claimed_id(object_file: ObjectFile, claim: DebugId | None) -> ObjectFile:
    """Return the object with the debug id that the client claims, if that is allowed.

    If the format contains the id, a claim may change only the age, since a program does
    not always have the age of its PDB; a claim of another UUID is ignored. Otherwise the
    claim is the id. Without a claim it is the name of a UUID map, or the id that the
    object already has, as a ProGuard mapping has that of its name.

    Raises:
        NotADebugFile: neither the file nor the client has an id.

    Source: spec/sentry-server 2.11; for the texts, 2.9.
    """
    if object_file.format.contains_id:
        if claim is None or claim.uuid != object_file.debug_id.uuid:
            return object_file
        return replace(object_file, debug_id=claim)
    debug_id = claim or _default_id(object_file)
    if debug_id is None:
        raise NotADebugFile(_NO_ID[object_file.format])
    return replace(object_file, debug_id=debug_id)


def with_offered_id(
    known: ObjectFile, *, name: str, claim: DebugId | None
) -> ObjectFile:
    """Return the object of known content that is uploaded with this name and claim.

    Its debug id may differ from the known one.

    Raises:
        NotADebugFile: it is uploaded as a ProGuard mapping, and is not one.

    Source: spec/sentry-server 2.7.
    """
    mapping_id = proguard.id_from_name(name)
    if mapping_id is not None and known.format is not Format.PROGUARD:
        raise NotADebugFile(proguard.NOT_A_MAPPING)
    renamed = replace(
        known,
        name=object_name(name, known.format),
        debug_id=mapping_id or known.debug_id,
    )
    return with_claimed_id(renamed, claim)


def _default_id(object_file: ObjectFile) -> DebugId | None:
    file_format, known_id = object_file.format, object_file.debug_id
    if file_format is Format.UUID_MAP and (named := _id_from_stem(object_file.name)):
        return named
    is_known = file_format is Format.PROGUARD or not known_id.is_nil
    return known_id if is_known else None


def _id_from_stem(name: str) -> DebugId | None:
    return DebugId.parse_or_none(PurePosixPath(name).stem)


_NO_ID = {
    Format.BC_SYMBOL_MAP: "Missing debug_id for BCSymbolMap",
    Format.DART_SYMBOL_MAP: "Missing debug_id for dartsymbolmap",
    Format.IL2CPP: "Missing debug_id for il2cpp",
    Format.UUID_MAP: "Invalid UuidMap: neither its name nor the request is a debug id",
}
