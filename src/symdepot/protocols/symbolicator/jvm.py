"""POST /symbolicate-jvm: real names, inlined calls and sources for JVM programs.

Source: spec/serving 4.5.
"""

from dataclasses import asdict, fields
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic_core import to_json

from symdepot.domain.ids import DebugId
from symdepot.protocols import symbolication_request
from symdepot.protocols.symbolicator import api_description, native_request
from symdepot.protocols.symbolicator.jvm_schemas import JVM_BODY, JvmBody
from symdepot.symbolication import jvm
from symdepot.symbolication.jvm_request import (
    JvmException,
    JvmFrame,
    JvmRequest,
    JvmResult,
)

router = Router()

_FIELD_NAMES = [field.name for field in fields(JvmFrame)]
_USUALLY_EMPTY = {"pre_context", "post_context", "method_synthesized"}


@router.post(
    "/symbolicate-jvm",
    summary="Give traces of the JVM their real names",
    openapi_extra=api_description.SYMBOLICATE_JVM,
)
def symbolicate_jvm(request: HttpRequest) -> HttpResponse:
    """Return the frames, exceptions and classes under their real names.

    A `timeout` is ignored: the request never becomes pending.
    """
    caller = symbolication_request.limited_caller(request)
    body = JVM_BODY.validate_json(native_request.read_body(request))
    scope = symbolication_request.scope(request, caller)
    result = jvm.symbolicate(scope, _to_request(body))
    return HttpResponse(to_json(_completed(result)), content_type="application/json")


def _to_request(body: JvmBody) -> JvmRequest:
    options, stacks = body.get("options", {}), body.get("stacktraces", [])
    modules = body.get("modules", [])
    ids = [(one["type"], DebugId.parse(one["uuid"])) for one in modules]
    wants_sources = options.get("apply_source_context", True)
    return JvmRequest(
        stacktraces=[[JvmFrame(**one) for one in stack["frames"]] for stack in stacks],
        exceptions=[JvmException(**each) for each in body.get("exceptions", [])],
        class_names=body.get("classes", []),
        mappings=[one for kind, one in ids if kind == "proguard"],
        bundles=[one for kind, one in ids if kind == "source" and wants_sources],
        release_package=body.get("release_package"),
        callers_first=options.get("frame_order", "caller_first") == "caller_first",
    )


def _completed(result: JvmResult) -> dict[str, Any]:
    mapping_errors = result.mapping_errors.items()
    return {
        "status": "completed",
        "exceptions": [asdict(each) for each in result.exceptions],
        "stacktraces": [
            {"frames": [_frame(frame) for frame in frames]}
            for frames in result.stacktraces
        ],
        "classes": result.class_names,
        "errors": [
            {"uuid": str(uuid), "type": error} for uuid, error in mapping_errors
        ],
    }


def _frame(frame: JvmFrame) -> dict[str, Any]:
    """Return a frame as JSON, without null fields and usual values."""
    values = {name: getattr(frame, name) for name in _FIELD_NAMES}
    return {
        name: value
        for name, value in values.items()
        if value is not None and (value or name not in _USUALLY_EMPTY)
    }
