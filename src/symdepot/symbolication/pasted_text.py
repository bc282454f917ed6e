"""Resolve pasted text: native addresses, and Java names that ProGuard or R8 gave.

All other characters stay as they are.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from symdepot.debugfiles import mapping_candidates, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.crash_text import address_spans, crash_renderer
from symdepot.domain.crash_text.address_spans import AddressSpan
from symdepot.domain.crash_text.crash_renderer import LineContext
from symdepot.domain.jvm import stack_text
from symdepot.projects.models import Project
from symdepot.symbolication import mapping_queries, text_lookup, text_modules
from symdepot.symbolication.text_lookup import Resolution

MAX_UNRESOLVED = 1000
"""Unresolved addresses that are listed with a reason."""
MAX_ADDED_CHARACTERS = 20_000_000
"""Addresses beyond it stay as they are."""

_MAX_LINE_CHARACTERS = 300
_MAX_R8_IDS = 3
_NOTHING_NEW = "Nothing more is known of it than what stands there."
_TOO_LONG = "The answer would be too long."
_NO_MAPPING = "Names of Java stay as they are: there is no ProGuard mapping here."
_R8_MAPPING_MISSING = (
    "Names of Java stay as they are: the ProGuard mapping that R8 calls {} is not here."
)
_AMBIGUOUS = (
    "Names of Java stay as they are: {} mappings may be meant, and the text names none. "
    "Write the UUID of one into a line of its own; the newest is {}, of {:%Y-%m-%d}."
)
_UNREADABLE = "Names of Java stay as they are: the mapping {} cannot be read: {}"
_MAPPING_USED = "Names of Java are told by the mapping {}, of {:%Y-%m-%d}."


@dataclass(frozen=True, slots=True)
class UnresolvedAddress:
    """An address that stayed as it was: its line, counted from 1, and the reason."""

    line: int
    text: str
    module: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResolvedText:
    """A text with addresses and Java frames resolved.

    `resolved`: number of addresses and frames. `notes`: remarks on how it was done.
    """

    text: str
    resolved: int = 0
    unresolved: Sequence[UnresolvedAddress] = field(default_factory=list)
    notes: Sequence[str] = field(default_factory=list)


def resolve_text(
    project: Project, text: str, *, by: str, wait_seconds: float = 0.0
) -> ResolvedText:
    """Resolve `text` with the debug files of `project`, on behalf of `by`.

    Waits up to `wait_seconds` for symcaches that are being created.

    Raises:
        Unavailable: temporary failure of this server; retry.
    """
    until = time.monotonic() + wait_seconds
    native = _resolve_native(project, text, by, until)
    java = _retrace_java(project, native.text)
    return ResolvedText(
        java.text,
        native.resolved + java.resolved,
        native.unresolved,
        [*native.notes, *java.notes],
    )


def _retrace_java(project: Project, text: str) -> ResolvedText:
    """Return a text with real names in its Java stack traces.

    Uses the mapping that the text names by UUID or R8 id, else the only one.
    """
    if not any(map(stack_text.parse_frame_line, text.split("\n"))):
        return ResolvedText(text)
    candidates = mapping_candidates.candidates_for_text(project, text)
    if not candidates:
        ids = ", ".join(sorted(stack_text.r8_map_ids(text))[:_MAX_R8_IDS])
        note = _R8_MAPPING_MISSING.format(ids) if ids else _NO_MAPPING
        return ResolvedText(text, notes=[note])
    newest = candidates[0]
    if len(candidates) > 1:
        note = _AMBIGUOUS.format(len(candidates), newest.debug_id, newest.created_at)
        return ResolvedText(text, notes=[note])
    return _retrace(newest, project, text)


def _retrace(mapping: DebugFile, project: Project, text: str) -> ResolvedText:
    usage.mark_used(project, [mapping])
    try:
        found = mapping_queries.retrace_text(text, mapping)
    except mapping_queries.UNREADABLE as error:
        is_damaged = mapping_queries.log_unreadable(mapping, error)
        reason = "it is damaged." if is_damaged else error
        note = _UNREADABLE.format(mapping.debug_id, reason)
        return ResolvedText(text, notes=[note])
    note = _MAPPING_USED.format(mapping.debug_id, mapping.created_at)
    notes = [] if mapping.debug_id in text.lower() else [note]
    return ResolvedText(found.text, found.frames_found, notes=notes)


def _resolve_native(project: Project, text: str, by: str, until: float) -> ResolvedText:
    spans = address_spans.find_addresses(text)
    if not spans:
        return ResolvedText(text)
    chosen, notes = text_modules.choose_files(project, spans, text, by=by, until=until)
    resolutions = text_lookup.resolve_addresses(spans, chosen)
    replacements = list(_replacements(text, spans, resolutions))
    unresolved = [each for each in replacements if isinstance(each, UnresolvedAddress)]
    return ResolvedText(
        _spliced(text, spans, replacements),
        len(spans) - len(unresolved),
        unresolved[:MAX_UNRESOLVED],
        [*notes, *_limit_notes(spans, unresolved)],
    )


def _replacements(
    text: str, spans: Sequence[AddressSpan], resolutions: Sequence[Resolution]
) -> Iterator[str | UnresolvedAddress]:
    """Yield the replacement of each span, or why it stays."""
    added = 0
    contexts = crash_renderer.line_contexts(text, spans)
    for span, found, context in zip(spans, resolutions, contexts, strict=True):
        if isinstance(found, str):
            yield _unresolved(span, context, found)
            continue
        replacement = crash_renderer.render(span, context, found)
        added += len(replacement or "")
        if replacement is None or replacement == context.original:
            yield _unresolved(span, context, _NOTHING_NEW)
        elif added > MAX_ADDED_CHARACTERS:
            yield _unresolved(span, context, _TOO_LONG)
        else:
            yield replacement


def _unresolved(
    span: AddressSpan, context: LineContext, reason: str
) -> UnresolvedAddress:
    line = f"{context.before}{context.original}".strip()[:_MAX_LINE_CHARACTERS]
    return UnresolvedAddress(context.number, line, span.module.name, reason)


def _spliced(
    text: str,
    spans: Sequence[AddressSpan],
    replacements: Sequence[str | UnresolvedAddress],
) -> str:
    pieces, copied = list[str](), 0
    for span, replacement in zip(spans, replacements, strict=True):
        if isinstance(replacement, str):
            pieces += [text[copied : span.start], replacement]
            copied = span.end
    return "".join([*pieces, text[copied:]])


def _limit_notes(
    spans: Sequence[AddressSpan], unresolved: Sequence[UnresolvedAddress]
) -> Iterator[str]:
    if len(unresolved) > MAX_UNRESOLVED:
        yield f"{len(unresolved)} addresses stayed; the first {MAX_UNRESOLVED} are listed."
    if len(spans) == address_spans.MAX_ADDRESSES:
        yield f"Only the first {len(spans)} addresses were looked at."
