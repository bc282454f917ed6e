"""Spill files: mapping queries and results, which are too large for a message, as JSON.

A query is `{"frames": [[class, method, line, signature]], "class_names": [...]}`. A
result is `{"frames": [[index, [[class, method, file, line]]]], "class_names": {},
"signatures": {}}`, where `index` is that of the frame in the query.
"""

import json
from collections.abc import Iterator

from symdepot.domain.jvm.retrace import MappingQuery, MappingResult, ObfuscatedFrame
from symdepot.domain.jvm.stack_text import JavaFrame
from symdepot.sandbox import protocol
from symdepot.sandbox.protocol import InvalidMessage

RESULT_TOO_LARGE = "This mapping answers without end."


def query_to_json(query: MappingQuery) -> bytes:
    """Return a query as JSON."""
    return json.dumps(query._asdict()).encode("ascii")


def query_from_json(content: bytes) -> MappingQuery:
    """Return the query in JSON from the server, which is trusted."""
    fields = json.loads(content)
    frames = tuple(ObfuscatedFrame(*frame) for frame in fields["frames"])
    return MappingQuery(frames, tuple(fields["class_names"]))


def result_to_json(query: MappingQuery, result: MappingResult) -> bytes:
    """Return a result as JSON."""
    frames = [
        [index, result.frames[frame]]
        for index, frame in enumerate(query.frames)
        if frame in result.frames
    ]
    return json.dumps(result._asdict() | {"frames": frames}).encode("ascii")


def result_from_json(query: MappingQuery, content: bytes) -> MappingResult:
    """Return the result in JSON, which is not trusted.

    Raises:
        InvalidMessage: it is not a result of this query.
    """
    match protocol.decode(content):
        case {
            "frames": list(frames),
            "class_names": dict(class_names),
            "signatures": dict(signatures),
        }:
            return MappingResult(
                dict(_result_frames(query, frames)),
                _texts(class_names),
                _texts(signatures),
            )
    raise InvalidMessage("no result")


def _result_frames(
    query: MappingQuery, entries: list[object]
) -> Iterator[tuple[ObfuscatedFrame, list[JavaFrame]]]:
    for entry in entries:
        match entry:
            case [int(index), list(frames)] if 0 <= index < len(query.frames):
                yield query.frames[index], [_frame(frame) for frame in frames]
            case _:
                raise InvalidMessage("no frame of the query")


def _frame(fields: object) -> JavaFrame:
    match fields:
        case [str(class_name), str(method), str() | None as file, int(line)]:
            return JavaFrame(class_name, method, file, line)
    raise InvalidMessage("no frame")


def _texts(entries: dict[str, object]) -> dict[str, str]:
    texts = {key: text for key, text in entries.items() if isinstance(text, str)}
    if len(texts) != len(entries):
        raise InvalidMessage("no names")
    return texts
