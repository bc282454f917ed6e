"""POST /symbolicate-jvm: real names, inlined calls and sources of a program for the JVM.

Source: spec/serving 4.5.
"""

from dataclasses import fields
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic_core import to_json

from symdepot.domain.ids import DebugId
from symdepot.protocols import symbolication_request
from symdepot.protocols.symbolicator import api_description, bodies
from symdepot.protocols.symbolicator.jvm_schemas import JVM_BODY, JvmBody
from symdepot.symbolication import jvm
from symdepot.symbolication.jvm_request import (
    JvmException,
    JvmFrame,
    JvmRequest,
    JvmResult,
)

router = Router()

_FIELDS = [field.name for field in fields(JvmFrame)]
_USUALLY_EMPTY = {"pre_context", "post_context", "method_synthesized"}


@router.post(
    "/symbolicate-jvm",
    summary="Give traces of the JVM their real names",
    openapi_extra=api_description.SYMBOLICATE_JVM,
)
def symbolicate_jvm(request: HttpRequest) -> HttpResponse:
    """Answer with the same frames, exceptions and classes under their real names.

    It is answered when it is done: a `timeout` is not needed, and ignored.
    """
    who = symbolication_request.caller_or_none(request)
    symbolication_request.consume_rate(request, who)
    body = JVM_BODY.validate_json(bodies.body(request))
    answer = jvm.symbolicate(symbolication_request.scope(request, who), _traces(body))
    return HttpResponse(to_json(_completed(answer)), content_type="application/json")


def _traces(body: JvmBody) -> JvmRequest:
    options = body.get("options", {})
    modules = body.get("modules", [])
    ids = [(one["type"], DebugId.parse(one["uuid"])) for one in modules]
    wants_sources = options.get("apply_source_context", True)
    return JvmRequest(
        stacktraces=[
            [JvmFrame(**frame) for frame in stack["frames"]]
            for stack in body.get("stacktraces", [])
        ],
        exceptions=[JvmException(**each) for each in body.get("exceptions", [])],
        class_names=body.get("classes", []),
        mappings=[one for kind, one in ids if kind == "proguard"],
        bundles=[one for kind, one in ids if kind == "source" and wants_sources],
        release_package=body.get("release_package"),
        callers_first=options.get("frame_order", "caller_first") == "caller_first",
    )


def _completed(answer: JvmResult) -> dict[str, Any]:
    return {
        "status": "completed",
        "exceptions": [
            {"type": each.type, "module": each.module} for each in answer.exceptions
        ],
        "stacktraces": [
            {"frames": [_told(frame) for frame in frames]}
            for frames in answer.stacktraces
        ],
        "classes": answer.class_names,
        "errors": [
            {"uuid": str(uuid), "type": lack} for uuid, lack in answer.lacking.items()
        ],
    }


def _told(frame: JvmFrame) -> dict[str, Any]:
    """Return a frame as clients read it: what is null or usual is left out."""
    told = {name: getattr(frame, name) for name in _FIELDS}
    return {
        name: value
        for name, value in told.items()
        if value is not None and (value or name not in _USUALLY_EMPTY)
    }
