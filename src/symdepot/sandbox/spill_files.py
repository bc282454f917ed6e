"""What is too much for a message stands on a paper: a file of JSON that both sides know.

Questions are `{"frames": [[class, method, line, signature]], "class_names": [...]}`.
Answers are `{"frames": [[place, [[class, method, file, line]]]], "class_names": {},
"signatures": {}}`: a frame is named by its place among the questions.
"""

import json
from collections.abc import Iterator, Mapping

from symdepot.domain.jvm.retrace import (
    MappingQuery,
    MappingResult,
    ObfuscatedFrame,
)
from symdepot.domain.jvm.stack_text import JavaFrame
from symdepot.sandbox.protocol import InvalidMessage


def query_to_json(asked: MappingQuery) -> bytes:
    """Return questions in words of JSON."""
    frames = [[f.class_name, f.method, f.line, f.signature] for f in asked.frames]
    said = {"frames": frames, "class_names": asked.class_names}
    return json.dumps(said).encode("ascii")


def query_from_json(paper: bytes) -> MappingQuery:
    """Return the questions on a paper; whoever asks is trusted to ask rightly."""
    said = json.loads(paper)
    frames = tuple(ObfuscatedFrame(*frame) for frame in said["frames"])
    return MappingQuery(frames, tuple(said["class_names"]))


def result_to_json(asked: MappingQuery, answers: MappingResult) -> bytes:
    """Return answers in words of JSON."""
    frames = [
        [place, [[f.class_name, f.method, f.file, f.line] for f in answers.frames[one]]]
        for place, one in enumerate(asked.frames)
        if one in answers.frames
    ]
    said = {
        "frames": frames,
        "class_names": answers.class_names,
        "signatures": answers.signatures,
    }
    return json.dumps(said).encode("ascii")


def result_from_json(asked: MappingQuery, paper: bytes) -> MappingResult:
    """Return the answers that are on a paper.

    Raises:
        Garbled: they are no answers to these questions.
    """
    try:
        said = json.loads(paper)
    except (ValueError, RecursionError) as e:
        raise InvalidMessage("no JSON") from e
    match said:
        case {
            "frames": list(frames),
            "class_names": dict(class_names),
            "signatures": dict(signatures),
        }:
            return MappingResult(
                dict(_answered_frames(asked, frames)),
                _texts(class_names),
                _texts(signatures),
            )
    raise InvalidMessage("no answers")


def _answered_frames(
    asked: MappingQuery, said: list[object]
) -> Iterator[tuple[ObfuscatedFrame, list[JavaFrame]]]:
    for each in said:
        match each:
            case [int(place), list(frames)] if 0 <= place < len(asked.frames):
                yield asked.frames[place], [_frame(frame) for frame in frames]
            case _:
                raise InvalidMessage("no frame that was asked for")


def _frame(said: object) -> JavaFrame:
    match said:
        case [str(class_name), str(method), str() | None as file, int(line)]:
            return JavaFrame(class_name, method, file, line)
    raise InvalidMessage("no frame")


def _texts(said: Mapping[object, object]) -> dict[str, str]:
    texts = {k: v for k, v in said.items() if isinstance(k, str) and isinstance(v, str)}
    if len(texts) != len(said):
        raise InvalidMessage("no names")
    return texts
