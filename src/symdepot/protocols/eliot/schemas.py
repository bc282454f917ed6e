"""The form of requests and answers, as it stands in the description of the API.

Requests are read by `jobs`, which says what is wrong in Eliot's words.

How the doors of Eliot are described to programs that read OpenAPI.
"""

from http import HTTPStatus
from typing import Annotated, Any

from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field

from symdepot.protocols.eliot.request_parser import MOST_JOBS

_Module = tuple[
    Annotated[
        str,
        Field(
            pattern="^[A-Za-z0-9_.+{}@<> ~-]*$",
            description="What the debug file is called.",
        ),
    ],
    Annotated[
        str, Field(pattern="^[A-Fa-f0-9]*$", description="Its debug id, as Breakpad's.")
    ],
]
_Address = tuple[
    Annotated[
        int, Field(ge=-1, description="A place in memoryMap, or -1 for no module.")
    ],
    Annotated[
        int, Field(ge=-1, description="An offset in that module; -1 is unknown.")
    ],
]


class Job(BaseModel):
    """Stacks of one process, and the modules that lay in its memory."""

    model_config = ConfigDict(extra="allow")

    memoryMap: list[_Module]  # noqa: N815 -- its name on the wire
    stacks: Annotated[list[list[_Address]], Field(min_length=1)]


class Inlined(Schema):
    """A function that was inlined; `line` is that of the call into the one before."""

    function: str
    file: str = ""
    line: int = 0


class Frame(Inlined):
    """What is known of a frame; what is not known is left out.

    `function` is the one that contains the address; `inlines` those that were inlined
    into it there, the innermost first.
    """

    frame: int
    module: str
    module_offset: str
    function: str = ""
    function_offset: str = ""
    inlines: list[Inlined] = []


class Result(Schema):
    """The result of a job; a module is null if no frame lies in it."""

    stacks: list[list[Frame]]
    found_modules: dict[str, bool | None]


class Results(Schema):
    """The results of jobs, in their order; `debug` comes with a `Debug` header."""

    results: list[Result]
    debug: dict[str, object] = {}


class Symbolicated(Schema):
    """The result of a job in the old form: a line for each frame."""

    symbolicatedStacks: list[list[str]]  # noqa: N815 -- its name on the wire
    knownModules: list[bool | None]  # noqa: N815 -- its name on the wire


class Problem(Schema):
    """Why there is no answer."""

    title: str


_EXAMPLE = {
    "memoryMap": [["xul.pdb", "44E4EC8C2F41492B9369D6B9A059577C2"]],
    "stacks": [[[0, 11723767], [-1, 65802]]],
}
_REFUSALS: dict[int, type[Schema]] = dict.fromkeys(
    (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    Problem,
)


_JOB = Job.model_json_schema()
_JOBS = {
    "type": "object",
    "title": "Jobs",
    "description": "Several jobs at once.",
    "properties": {"jobs": {"type": "array", "items": _JOB, "maxItems": MOST_JOBS}},
    "required": ["jobs"],
}


def _body(form: object, example: object) -> dict[str, Any]:
    content = {"application/json": {"schema": form, "example": example}}
    return {"required": True, "content": content}


V5_ANSWERS: dict[int, type[Schema]] = {HTTPStatus.OK: Results, **_REFUSALS}
V4_ANSWERS: dict[int, type[Schema]] = {HTTPStatus.OK: Symbolicated, **_REFUSALS}
V5: dict[str, Any] = {
    "requestBody": _body({"anyOf": [_JOBS, _JOB]}, {"jobs": [_EXAMPLE], "version": 5}),
    "parameters": [
        {
            "name": "Debug",
            "in": "header",
            "description": "If it is there, `debug` tells of the work behind the answer.",
            "schema": {"type": "string"},
        }
    ],
}
V4: dict[str, Any] = {"requestBody": _body(_JOB, {**_EXAMPLE, "version": 4})}
