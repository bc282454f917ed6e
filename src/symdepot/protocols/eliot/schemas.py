"""The form of requests and answers, as it stands in the description of the API.

Requests are read by `jobs`, which says what is wrong in Eliot's words.
"""

from typing import Annotated

from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field

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
