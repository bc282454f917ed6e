"""Jobs as clients send them, read strictly; what is wrong is said in Eliot's words.

Source: spec/serving 5.1 and 5.2; eliot/symbolicate_resource.py, `validate_modules` and
`validate_stacks`, for what comes behind "has invalid modules" and "stacks".

What jobs ask together: each module once, and each address in it once.

Stacks repeat themselves: of a profile, one frame in twenty is new.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from symdepot.domain.errors import InvalidRequest
from symdepot.domain.ids import DebugId
from symdepot.domain.selection.module_ids import ModuleIds
from symdepot.domain.stacks.memory_map import MemoryRange
from symdepot.domain.stacks.stack_resolver import FrameRequest, StackRequest
from symdepot.symbolication.request import ModuleRequest, SymbolicationRequest

MOST_JOBS = 10

type Module = tuple[str, str]
"""What a module's debug file is called, and its debug id; either may be empty."""
type Address = tuple[int, int]
"""The place of a module in the memory map, and an offset in it; -1 is unknown."""

_is_name = re.compile(r"[A-Za-z0-9_.+{}@<> ~-]*").fullmatch
_is_id = re.compile(r"[A-Fa-f0-9]*").fullmatch
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Job:
    """Stacks of one process, and the modules that lay in its memory."""

    modules: Sequence[Module]
    stacks: Sequence[Sequence[Address]]


def of_v5(body: bytes) -> list[Job]:
    """Return the jobs of a request, which may be a single one without a list.

    Raises:
        InvalidRequest: it is not of that form; the text says where.
    """
    payload = _parsed(body)
    if not isinstance(payload, dict) or "jobs" not in payload:
        return [_job(0, payload)]
    jobs = payload["jobs"]
    if not isinstance(jobs, list):
        raise InvalidRequest("jobs must be a list")
    if len(jobs) > MOST_JOBS:
        raise InvalidRequest(
            f"please limit number of jobs in a single request to <= {MOST_JOBS}"
        )
    return [_job(number, job) for number, job in enumerate(jobs)]


def of_v4(body: bytes) -> Job:
    """Return the one job of a request.

    Raises:
        InvalidRequest: it is not of that form; the text says where.
    """
    return _job(0, _parsed(body))


def _parsed(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        raise InvalidRequest("Payload is not valid JSON") from None


def _job(number: int, job: Any) -> Job:
    if not isinstance(job, dict):
        raise InvalidRequest(f"job {number} is invalid")
    for key in ("stacks", "memoryMap"):
        if key not in job:
            raise InvalidRequest(f"job {number} is invalid: no {key} specified")
    try:
        modules = _modules(job["memoryMap"])
    except ValueError as why:
        raise InvalidRequest(f"job {number} has invalid modules: {why}") from None
    try:
        return Job(modules, _stacks(job["stacks"], len(modules)))
    except ValueError as why:
        raise InvalidRequest(f"job {number} has invalid stacks: {why}") from None


def _modules(said: Any) -> list[Module]:
    if not isinstance(said, list):
        raise ValueError("modules must be a list")  # noqa: TRY004 -- one for all faults
    return [_module(index, item) for index, item in enumerate(said)]


def _module(index: int, item: Any) -> Module:
    if not isinstance(item, list) or len(item) != _PAIR:
        raise ValueError(
            f"module index {index} does not have a debug_filename and debug_id"
        )
    name, debug_id = item
    if not isinstance(name, str) or not _is_name(name):
        raise ValueError(f"module index {index} has an invalid debug_filename")
    if not isinstance(debug_id, str) or not _is_id(debug_id):
        raise ValueError(f"module index {index} has an invalid debug_id")
    return name, debug_id


def _stacks(said: Any, modules: int) -> list[list[Address]]:
    if not isinstance(said, list):
        raise ValueError("stacks must be a list of lists")  # noqa: TRY004 -- as above
    if not said:
        raise ValueError("no stacks specified")
    return [_stack(index, stack, modules) for index, stack in enumerate(said)]


def _stack(index: int, said: Any, modules: int) -> list[Address]:
    if not isinstance(said, list):
        raise ValueError(f"stack {index} is not a list")  # noqa: TRY004 -- as above
    addresses = []
    for number, frame in enumerate(said):
        try:
            addresses.append(_address(frame, modules))
        except ValueError as why:
            raise ValueError(f"stack {index} frame {number} {why}") from None
    return addresses


def _address(frame: Any, modules: int) -> Address:
    """Return a frame as it came; there are ten thousands of them.

    Their types are compared, since a JSON `true` is an integer to Python.
    """
    if type(frame) is not list or len(frame) != _PAIR:
        raise ValueError("is not a list of two items")
    module, offset = frame
    if type(module) is not int:
        raise ValueError("has an invalid module_index")
    if not -1 <= module < modules:
        raise ValueError("has a module_index that isn't in modules")
    if type(offset) is not int or offset < -1:
        raise ValueError("has an invalid module_offset")
    return module, offset


MOST_MODULES = 10_000
"""Of one request, each counted once; a large process has a thousand."""
_MOST = 2**64 - 1
_NOWHERE = -1
"""Where nothing is, for offsets that no program has."""


@dataclass(frozen=True, slots=True)
class MergedJobs:
    """Modules and addresses, each with its place in the question.

    An address is one in a module of the question. Of a module without an id nothing
    can be asked.
    """

    modules: dict[Module, int] = field(default_factory=dict)
    addresses: dict[Address, int] = field(default_factory=dict)

    def places(self, job: Job) -> list[int]:
        """Return the places of the modules of a job, in the order of the job."""
        return [self.modules[module] for module in job.modules]

    def question(self) -> SymbolicationRequest:
        """Return the question; its one stack has the addresses in their order."""
        frames = [
            FrameRequest(offset if offset <= _MOST else _NOWHERE, place, adjusted=False)
            for place, offset in self.addresses
        ]
        return SymbolicationRequest(
            [StackRequest(frames)], [_asked(m) for m in self.modules]
        )


def merge_jobs(jobs: Sequence[Job]) -> MergedJobs:
    """Return what `jobs` ask.

    Raises:
        InvalidRequest: they name more modules than are looked for at once.
    """
    together = MergedJobs()
    for job in jobs:
        for module in job.modules:
            together.modules.setdefault(module, len(together.modules))
        if len(together.modules) > MOST_MODULES:
            raise InvalidRequest(
                f"please limit number of modules in a single request to <= {MOST_MODULES}"
            )
        places = together.places(job)
        has_id = [bool(debug_id) for _, debug_id in job.modules]
        for stack in job.stacks:
            for index, offset in stack:
                if index >= 0 and has_id[index]:
                    address = places[index], offset
                    together.addresses.setdefault(address, len(together.addresses))
    return together


def _asked(module: Module) -> ModuleRequest:
    name, debug_id = module
    ids = ModuleIds.known(DebugId.parse_or_none(debug_id), None)
    return ModuleRequest(MemoryRange(0), ids, name)
