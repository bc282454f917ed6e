"""OpenAPI schemas of requests and responses. `request_parser` validates requests."""

from typing import Annotated, Any

from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field

from symdepot.protocols.eliot.request_parser import MAX_JOBS

_NAME = Field(
    pattern="^[A-Za-z0-9_.+{}@<> ~-]*$", description="The name of the debug file."
)
_ID = Field(pattern="^[A-Fa-f0-9]*$", description="Its debug id, in Breakpad's form.")
_INDEX = Field(ge=-1, description="An index in memoryMap, or -1 for no module.")
_OFFSET = Field(ge=-1, description="An offset in that module; -1 is unknown.")
_Module = tuple[Annotated[str, _NAME], Annotated[str, _ID]]
_Address = tuple[Annotated[int, _INDEX], Annotated[int, _OFFSET]]


class Job(BaseModel):
    """Stacks of one process, and its modules."""

    model_config = ConfigDict(extra="allow")

    memoryMap: list[_Module]  # noqa: N815 -- its name on the wire
    stacks: Annotated[list[list[_Address]], Field(min_length=1)]


class Inlined(Schema):
    """An inlined function; `line` is where it calls the function before it."""

    function: str
    file: str = ""
    line: int = 0


class Frame(Inlined):
    """A frame; unknown fields are left out.

    `function` contains the address; `inlines` were inlined into it there, innermost
    first.
    """

    frame: int
    module: str
    module_offset: str
    function: str = ""
    function_offset: str = ""
    inlines: list[Inlined] = []


class Result(Schema):
    """The result of a job; a module without frames is null."""

    stacks: list[list[Frame]]
    found_modules: dict[str, bool | None]


class Results(Schema):
    """The results of jobs, in their order; `debug` only with a `Debug` header."""

    results: list[Result]
    debug: dict[str, object] = {}


class Symbolicated(Schema):
    """The result of a job in v4: a line for each frame."""

    symbolicatedStacks: list[list[str]]  # noqa: N815 -- its name on the wire
    knownModules: list[bool | None]  # noqa: N815 -- its name on the wire


class Problem(Schema):
    """An error."""

    title: str


_EXAMPLE = {
    "memoryMap": [["xul.pdb", "44E4EC8C2F41492B9369D6B9A059577C2"]],
    "stacks": [[[0, 11723767], [-1, 65802]]],
}
_REFUSALS: dict[int, type[Schema]] = dict.fromkeys(
    (400, 401, 403, 413, 429, 503), Problem
)
_JOB = Job.model_json_schema()
_JOBS = {
    "type": "object",
    "title": "Jobs",
    "description": "Several jobs at once.",
    "properties": {"jobs": {"type": "array", "items": _JOB, "maxItems": MAX_JOBS}},
    "required": ["jobs"],
}


def _body(schema: object, example: object) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"required": True, "content": content}


V5_RESPONSES: dict[int, type[Schema]] = {200: Results, **_REFUSALS}
V4_RESPONSES: dict[int, type[Schema]] = {200: Symbolicated, **_REFUSALS}
V5: dict[str, Any] = {
    "requestBody": _body({"anyOf": [_JOBS, _JOB]}, {"jobs": [_EXAMPLE], "version": 5}),
    "parameters": [
        {
            "name": "Debug",
            "in": "header",
            "description": "If present, the response has `debug`, with statistics.",
            "schema": {"type": "string"},
        }
    ],
}
V4: dict[str, Any] = {"requestBody": _body(_JOB, {**_EXAMPLE, "version": 4})}
