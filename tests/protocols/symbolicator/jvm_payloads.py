"""Mappings, source bundles and payloads of JVM requests."""

from typing import Any
from uuid import UUID

from django.test import Client
from tests.factories import Answer, a_client, a_debug_file
from tests.fixtures import builders

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format
from symdepot.projects.models import Project
from symdepot.protocols.symbolicator.jvm_schemas import JVM_ANSWER

MAPPING_ID = "5db7294d-87fc-5726-a5c0-4a90679657a5"
BUNDLE_ID = "7b1d5c4e-0d32-4a8c-9f65-1d0a2b3c4d5e"


def a_mapping_of(
    project: Project, text: str | bytes, debug_id: str = MAPPING_ID
) -> DebugFile:
    content = text.encode() if isinstance(text, str) else text
    return a_debug_file(
        project,
        content,
        format=Format.PROGUARD,
        kind=None,
        arch="any",
        debug_id=DebugId.parse(debug_id),
        features=frozenset({"mapping"}),
        name="proguard-mapping",
    )


def a_bundle_of(
    project: Project, sources: dict[str, str], debug_id: str = BUNDLE_ID
) -> DebugFile:
    return a_debug_file(
        project,
        builders.source_bundle(UUID(debug_id), sources),
        format=Format.SOURCE_BUNDLE,
        kind="src",
        debug_id=DebugId.parse(debug_id),
        features=frozenset({"sources"}),
    )


def a_frame(module: str, function: str, lineno: int | None, **more: Any) -> Any:
    frame = {"module": module, "function": function, "index": 0, **more}
    return frame if lineno is None else {**frame, "lineno": lineno}


def modules(*uuids: str, kind: str = "proguard") -> list[dict[str, str]]:
    return [{"uuid": uuid, "type": kind} for uuid in uuids]


def send(body: Any, client: Client | None = None, prefix: str = "") -> Answer:
    return (client or a_client()).post(
        f"{prefix}/symbolicate-jvm", body, content_type="application/json"
    )


def retraced(*frames: Any, **more: Any) -> list[Any]:
    """Return the frames that one stack trace comes back with."""
    body = {
        "modules": modules(MAPPING_ID),
        "stacktraces": [{"frames": list(frames)}],
        **more,
    }
    answer = send(body)
    assert answer.status_code == 200, answer.content
    (trace,) = JVM_ANSWER.validate_json(answer.content)["stacktraces"]
    return list(trace["frames"])
