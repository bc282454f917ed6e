"""Pasted texts: what can be resolved in them is, and all else stays as it was."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from symdepot.domain.crash_text import crash_parser, crash_renderer
from symdepot.domain.crash_text.crash_parser import Spot
from symdepot.domain.crash_text.crash_renderer import Surroundings
from symdepot.projects.models import Project
from symdepot.symbolication import java_texts, text_modules, text_places
from symdepot.symbolication.request import Scope
from symdepot.symbolication.text_places import Place

MOST_TOLD = 1000
"""Of so many spots it is told why they could not be resolved."""
MOST_ADDED = 20_000_000
"""In characters. What would come to more stays as it is."""

_LONGEST_LINE = 300
_NOTHING_NEW = "Nothing more is known of it than what stands there."
_TOO_LONG = "The answer would be too long."


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A spot that stayed as it was: in which line, counted from 1, and why."""

    line: int
    text: str
    module: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResolvedText:
    """The text with `resolved` spots and frames of Java in it resolved.

    `notes` say what is to be known of how that was done.
    """

    text: str
    resolved: int
    unresolved: Sequence[Unresolved]
    notes: Sequence[str]


def resolved(
    project: Project, text: str, *, by: str, wait_seconds: float = 0.0
) -> ResolvedText:
    """Resolve what can be in `text`, from the debug files of `project`, for `by`.

    Waits for so long for symcaches that are being made. All characters outside of the
    spots, and of stack traces of Java, are in the answer unchanged.

    Raises:
        Unavailable: something of ours failed; the same may work in a moment.
    """
    until = time.monotonic() + wait_seconds
    native = _native(Scope.of(project, by), project, text, until)
    java = java_texts.retraced(project, native.text)
    return ResolvedText(
        java.text,
        native.resolved + java.frames_found,
        native.unresolved,
        [*native.notes, *java.notes],
    )


def _native(scope: Scope, project: Project, text: str, until: float) -> ResolvedText:
    spots = crash_parser.spots(text)
    if not spots:
        return ResolvedText(text, 0, [], [])
    choices = text_modules.chosen(scope, project, spots, text, until=until)
    places = text_places.places(spots, choices.by_module)
    answers = list(_answers(text, spots, places))
    unresolved = [answer for answer in answers if isinstance(answer, Unresolved)]
    return ResolvedText(
        _spliced(text, spots, answers),
        len(spots) - len(unresolved),
        unresolved[:MOST_TOLD],
        [*choices.notes, *_limits(spots, unresolved)],
    )


def _answers(
    text: str, spots: Sequence[Spot], places: Sequence[Place]
) -> Iterator[str | Unresolved]:
    """Yield what to write instead of each spot, or why nothing."""
    added = 0
    around = crash_renderer.surroundings(text, spots)
    for spot, place, here in zip(spots, places, around, strict=True):
        if isinstance(place, str):
            yield _unresolved(spot, here, place)
            continue
        answer = crash_renderer.replaced(spot, here, place)
        added += len(answer or "")
        if answer is None or answer == here.said:
            yield _unresolved(spot, here, _NOTHING_NEW)
        elif added > MOST_ADDED:
            yield _unresolved(spot, here, _TOO_LONG)
        else:
            yield answer


def _unresolved(spot: Spot, here: Surroundings, why_not: str) -> Unresolved:
    line = f"{here.before}{here.said}".strip()[:_LONGEST_LINE]
    return Unresolved(here.number, line, spot.module.name, why_not)


def _spliced(
    text: str, spots: Sequence[Spot], answers: Sequence[str | Unresolved]
) -> str:
    pieces, copied = list[str](), 0
    for spot, answer in zip(spots, answers, strict=True):
        if isinstance(answer, str):
            pieces += [text[copied : spot.start], answer]
            copied = spot.end
    return "".join([*pieces, text[copied:]])


def _limits(spots: Sequence[Spot], unresolved: Sequence[Unresolved]) -> Iterator[str]:
    if len(unresolved) > MOST_TOLD:
        yield f"{len(unresolved)} addresses stayed; the first {MOST_TOLD} are listed."
    if len(spots) == crash_parser.SPOTS_LIMIT:
        yield f"Only the first {len(spots)} addresses were looked at."
