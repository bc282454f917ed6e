"""Pasted texts: what can be resolved in them is, and all else stays as it was.

What is of Java in a pasted text: real names for those that ProGuard or R8 gave.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from symdepot.debugfiles import proguard_mappings, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.crash_text import crash_parser, crash_renderer
from symdepot.domain.crash_text.crash_parser import AddressSpan
from symdepot.domain.crash_text.crash_renderer import LineContext
from symdepot.domain.errors import (
    BlobDamaged,
    BlobMissing,
    ChecksumMismatch,
    NotADebugFile,
    ParserDied,
)
from symdepot.domain.jvm import stack_text
from symdepot.projects.models import Project
from symdepot.symbolication import jvm_mappings, text_lookup, text_modules
from symdepot.symbolication.request import LookupScope
from symdepot.symbolication.text_lookup import Place

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
class RetracedJava:
    """The text under real names, how many frames have some, and what is to be said."""

    text: str
    frames_found: int
    notes: Sequence[str]


def retrace_java(project: Project, text: str) -> RetracedJava:
    """Return a text with its stack traces of Java under real names.

    By the mapping that the text names, by its UUID or by R8's id, or the only one.

    Raises:
        Unavailable: something of ours failed; the same may work in a moment.
    """
    if not any(map(stack_text.parse_frame_line, text.split("\n"))):
        return RetracedJava(text, 0, [])
    meant = proguard_mappings.candidates_for_text(project, text)
    if not meant:
        named = ", ".join(sorted(stack_text.r8_map_ids(text))[:_MOST_NAMED])
        told = _NOT_HERE.format(named) if named else _NO_MAPPING
        return RetracedJava(text, 0, [told])
    newest = meant[0]
    if len(meant) > 1:
        told = _SEVERAL.format(len(meant), newest.debug_id, newest.created_at)
        return RetracedJava(text, 0, [told])
    return _by(newest, project, text)


def _by(mapping: DebugFile, project: Project, text: str) -> RetracedJava:
    usage.mark_used(project, [mapping])
    try:
        found = jvm_mappings.retrace_text(text, mapping)
    except (NotADebugFile, ParserDied) as error:
        return RetracedJava(text, 0, [_NOT_READ.format(mapping.debug_id, error)])
    except (BlobMissing, BlobDamaged, ChecksumMismatch) as error:
        _log.warning("mapping not read", row=mapping.pk, why=str(error))
        return RetracedJava(
            text, 0, [_NOT_READ.format(mapping.debug_id, "it is damaged.")]
        )
    told = _TAKEN.format(mapping.debug_id, mapping.created_at)
    is_named = mapping.debug_id in text.lower()
    return RetracedJava(found.text, found.frames_found, [] if is_named else [told])


MOST_TOLD = 1000
"""Of so many spots it is told why they could not be resolved."""
MOST_ADDED = 20_000_000
"""In characters. What would come to more stays as it is."""

_LONGEST_LINE = 300
_NOTHING_NEW = "Nothing more is known of it than what stands there."
_TOO_LONG = "The answer would be too long."


@dataclass(frozen=True, slots=True)
class UnresolvedAddress:
    """A spot that stayed as it was: in which line, counted from 1, and why."""

    line: int
    text: str
    module: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResolvedText:
    """The text with `resolve_text` spots and frames of Java in it resolved.

    `notes` say what is to be known of how that was done.
    """

    text: str
    resolved: int
    unresolved: Sequence[UnresolvedAddress]
    notes: Sequence[str]


def resolve_text(
    project: Project, text: str, *, by: str, wait_seconds: float = 0.0
) -> ResolvedText:
    """Resolve what can be in `text`, from the debug files of `project`, for `by`.

    Waits for so long for symcaches that are being made. All characters outside of the
    spots, and of stack traces of Java, are in the answer unchanged.

    Raises:
        Unavailable: something of ours failed; the same may work in a moment.
    """
    until = time.monotonic() + wait_seconds
    native = _native(LookupScope.of(project, by), project, text, until)
    java = retrace_java(project, native.text)
    return ResolvedText(
        java.text,
        native.resolved + java.frames_found,
        native.unresolved,
        [*native.notes, *java.notes],
    )


def _native(
    scope: LookupScope, project: Project, text: str, until: float
) -> ResolvedText:
    spots = crash_parser.find_addresses(text)
    if not spots:
        return ResolvedText(text, 0, [], [])
    choices = text_modules.choose_files(scope, project, spots, text, until=until)
    places = text_lookup.resolve_addresses(spots, choices.by_module)
    answers = list(_answers(text, spots, places))
    unresolved = [answer for answer in answers if isinstance(answer, UnresolvedAddress)]
    return ResolvedText(
        _spliced(text, spots, answers),
        len(spots) - len(unresolved),
        unresolved[:MOST_TOLD],
        [*choices.notes, *_limits(spots, unresolved)],
    )


def _answers(
    text: str, spots: Sequence[AddressSpan], places: Sequence[Place]
) -> Iterator[str | UnresolvedAddress]:
    """Yield what to write instead of each spot, or why nothing."""
    added = 0
    around = crash_renderer.line_contexts(text, spots)
    for spot, place, here in zip(spots, places, around, strict=True):
        if isinstance(place, str):
            yield _unresolved(spot, here, place)
            continue
        answer = crash_renderer.render(spot, here, place)
        added += len(answer or "")
        if answer is None or answer == here.original:
            yield _unresolved(spot, here, _NOTHING_NEW)
        elif added > MOST_ADDED:
            yield _unresolved(spot, here, _TOO_LONG)
        else:
            yield answer


def _unresolved(
    spot: AddressSpan, here: LineContext, why_not: str
) -> UnresolvedAddress:
    line = f"{here.before}{here.original}".strip()[:_LONGEST_LINE]
    return UnresolvedAddress(here.number, line, spot.module.name, why_not)


def _spliced(
    text: str, spots: Sequence[AddressSpan], answers: Sequence[str | UnresolvedAddress]
) -> str:
    pieces, copied = list[str](), 0
    for spot, answer in zip(spots, answers, strict=True):
        if isinstance(answer, str):
            pieces += [text[copied : spot.start], answer]
            copied = spot.end
    return "".join([*pieces, text[copied:]])


def _limits(
    spots: Sequence[AddressSpan], unresolved: Sequence[UnresolvedAddress]
) -> Iterator[str]:
    if len(unresolved) > MOST_TOLD:
        yield f"{len(unresolved)} addresses stayed; the first {MOST_TOLD} are listed."
    if len(spots) == crash_parser.MAX_ADDRESSES:
        yield f"Only the first {len(spots)} addresses were looked at."
