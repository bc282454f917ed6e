"""What is too much for a message stands on a paper: a file of JSON that both sides know.

Questions are `{"frames": [[class, method, line, signature]], "class_names": [...]}`.
Answers are `{"frames": [[place, [[class, method, file, line]]]], "class_names": {},
"signatures": {}}`: a frame is named by its place among the questions.
"""

import json
from collections.abc import Iterator, Mapping

from symdepot.domain.jvm.mapping_query import Answers, AskedFrame, Questions
from symdepot.domain.jvm.stack_text import JavaFrame
from symdepot.sandbox.protocol import Garbled


def from_questions(asked: Questions) -> bytes:
    """Return questions in words of JSON."""
    frames = [[f.class_name, f.method, f.line, f.signature] for f in asked.frames]
    said = {"frames": frames, "class_names": asked.class_names}
    return json.dumps(said).encode("ascii")


def to_questions(paper: bytes) -> Questions:
    """Return the questions on a paper; whoever asks is trusted to ask rightly."""
    said = json.loads(paper)
    frames = tuple(AskedFrame(*frame) for frame in said["frames"])
    return Questions(frames, tuple(said["class_names"]))


def from_answers(asked: Questions, answers: Answers) -> bytes:
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


def to_answers(asked: Questions, paper: bytes) -> Answers:
    """Return the answers that are on a paper.

    Raises:
        Garbled: they are no answers to these questions.
    """
    try:
        said = json.loads(paper)
    except (ValueError, RecursionError) as e:
        raise Garbled("no JSON") from e
    match said:
        case {
            "frames": list(frames),
            "class_names": dict(class_names),
            "signatures": dict(signatures),
        }:
            return Answers(
                dict(_answered_frames(asked, frames)),
                _texts(class_names),
                _texts(signatures),
            )
    raise Garbled("no answers")


def _answered_frames(
    asked: Questions, said: list[object]
) -> Iterator[tuple[AskedFrame, list[JavaFrame]]]:
    for each in said:
        match each:
            case [int(place), list(frames)] if 0 <= place < len(asked.frames):
                yield asked.frames[place], [_frame(frame) for frame in frames]
            case _:
                raise Garbled("no frame that was asked for")


def _frame(said: object) -> JavaFrame:
    match said:
        case [str(class_name), str(method), str() | None as file, int(line)]:
            return JavaFrame(class_name, method, file, line)
    raise Garbled("no frame")


def _texts(said: Mapping[object, object]) -> dict[str, str]:
    texts = {k: v for k, v in said.items() if isinstance(k, str) and isinstance(v, str)}
    if len(texts) != len(said):
        raise Garbled("no names")
    return texts
