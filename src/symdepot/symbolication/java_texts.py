"""What is of Java in a pasted text: real names for those that ProGuard or R8 gave."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from symdepot.debugfiles import proguard_mappings, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.errors import (
    BlobDamaged,
    BlobMissing,
    ChecksumMismatch,
    NotADebugFile,
    ParserDied,
)
from symdepot.domain.jvm import stack_text
from symdepot.projects.models import Project
from symdepot.symbolication import retracing

_NO_MAPPING = "Names of Java stay as they are: there is no ProGuard mapping here."
_NOT_HERE = (
    "Names of Java stay as they are: the ProGuard mapping that R8 calls {} is not here."
)
_SEVERAL = (
    "Names of Java stay as they are: {} mappings may be meant, and the text names none. "
    "Write the UUID of one into a line of its own; the newest is {}, of {:%Y-%m-%d}."
)
_NOT_READ = "Names of Java stay as they are: the mapping {} cannot be read: {}"
_TAKEN = "Names of Java are told by the mapping {}, of {:%Y-%m-%d}."
_MOST_NAMED = 3
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JavaText:
    """The text under real names, how many frames have some, and what is to be said."""

    text: str
    frames_found: int
    notes: Sequence[str]


def retraced(project: Project, text: str) -> JavaText:
    """Return a text with its stack traces of Java under real names.

    By the mapping that the text names, by its UUID or by R8's id, or the only one.

    Raises:
        Unavailable: something of ours failed; the same may work in a moment.
    """
    if not any(map(stack_text.frame_line, text.split("\n"))):
        return JavaText(text, 0, [])
    meant = proguard_mappings.meant(project, text)
    if not meant:
        named = ", ".join(sorted(stack_text.r8_map_ids(text))[:_MOST_NAMED])
        told = _NOT_HERE.format(named) if named else _NO_MAPPING
        return JavaText(text, 0, [told])
    newest = meant[0]
    if len(meant) > 1:
        told = _SEVERAL.format(len(meant), newest.debug_id, newest.created_at)
        return JavaText(text, 0, [told])
    return _by(newest, project, text)


def _by(mapping: DebugFile, project: Project, text: str) -> JavaText:
    usage.renew(project, [mapping])
    try:
        found = retracing.text(text, mapping)
    except (NotADebugFile, ParserDied) as error:
        return JavaText(text, 0, [_NOT_READ.format(mapping.debug_id, error)])
    except (BlobMissing, BlobDamaged, ChecksumMismatch) as error:
        _log.warning("mapping not read", row=mapping.pk, why=str(error))
        return JavaText(text, 0, [_NOT_READ.format(mapping.debug_id, "it is damaged.")])
    told = _TAKEN.format(mapping.debug_id, mapping.created_at)
    is_named = mapping.debug_id in text.lower()
    return JavaText(found.text, found.frames_found, [] if is_named else [told])
