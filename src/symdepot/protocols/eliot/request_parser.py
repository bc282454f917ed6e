"""Parse jobs strictly, with Eliot's error texts, and merge them into one request.

The merged request has each module and each address once: of the frames of a profile, one
in twenty is new.

Source: spec/serving 5.1 and 5.2; eliot/symbolicate_resource.py, `validate_modules` and
`validate_stacks`, for the texts after "has invalid modules" and "stacks".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from symdepot.domain.errors import InvalidRequest
from symdepot.domain.ids import DebugId
from symdepot.domain.selection.id_matching import ModuleIds
from symdepot.domain.stacks.memory_map import MemoryRange
from symdepot.domain.stacks.stack_resolver import FrameRequest, StackRequest
from symdepot.symbolication.request import ModuleRequest, SymbolicationRequest

MAX_JOBS = 10
MAX_MODULES = 10_000
"""Distinct modules of one request; a large process has a thousand."""
_MAX_OFFSET = 2**64 - 1
_INVALID_ADDRESS = -1
"""Stands for offsets above _MAX_OFFSET; no module contains it."""

type Module = tuple[str, str]
"""Debug file name and debug id; either may be empty."""
type Address = tuple[int, int]
"""Module index and offset in the module; -1 is unknown."""

_is_name = re.compile(r"[A-Za-z0-9_.+{}@<> ~-]*").fullmatch
_is_id = re.compile(r"[A-Fa-f0-9]*").fullmatch
_PAIR = 2


@dataclass(frozen=True, slots=True)
class ParsedJob:
    """Stacks of one process, and its modules."""

    modules: Sequence[Module]
    stacks: Sequence[Sequence[Address]]


def parse_v5(body: bytes) -> list[ParsedJob]:
    """Return the jobs of a request; a body without `jobs` is a single job.

    Raises:
        InvalidRequest: the body is invalid; the text has the location.
    """
    payload = _parsed(body)
    if not isinstance(payload, dict) or "jobs" not in payload:
        return [_job(0, payload)]
    jobs = payload["jobs"]
    if not isinstance(jobs, list):
        raise InvalidRequest("jobs must be a list")
    if len(jobs) > MAX_JOBS:
        raise InvalidRequest(
            f"please limit number of jobs in a single request to <= {MAX_JOBS}"
        )
    return [_job(number, job) for number, job in enumerate(jobs)]


def parse_v4(body: bytes) -> ParsedJob:
    """Return the one job of a request.

    Raises:
        InvalidRequest: the body is invalid; the text has the location.
    """
    return _job(0, _parsed(body))


def _parsed(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        raise InvalidRequest("Payload is not valid JSON") from None


def _job(number: int, job: Any) -> ParsedJob:
    if not isinstance(job, dict):
        raise InvalidRequest(f"job {number} is invalid")
    for key in ("stacks", "memoryMap"):
        if key not in job:
            raise InvalidRequest(f"job {number} is invalid: no {key} specified")
    try:
        modules = _modules(job["memoryMap"])
    except ValueError as error:
        raise InvalidRequest(f"job {number} has invalid modules: {error}") from None
    try:
        return ParsedJob(modules, _stacks(job["stacks"], len(modules)))
    except ValueError as error:
        raise InvalidRequest(f"job {number} has invalid stacks: {error}") from None


def _modules(value: Any) -> list[Module]:
    if not isinstance(value, list):
        raise ValueError("modules must be a list")  # noqa: TRY004 -- one type for all errors
    return [_module(index, item) for index, item in enumerate(value)]


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


def _stacks(value: Any, modules: int) -> list[list[Address]]:
    if not isinstance(value, list):
        raise ValueError("stacks must be a list of lists")  # noqa: TRY004 -- as above
    if not value:
        raise ValueError("no stacks specified")
    return [_stack(index, stack, modules) for index, stack in enumerate(value)]


def _stack(index: int, value: Any, modules: int) -> list[Address]:
    if not isinstance(value, list):
        raise ValueError(f"stack {index} is not a list")  # noqa: TRY004 -- as above
    addresses = []
    for number, frame in enumerate(value):
        try:
            addresses.append(_address(frame, modules))
        except ValueError as error:
            raise ValueError(f"stack {index} frame {number} {error}") from None
    return addresses


def _address(frame: Any, modules: int) -> Address:
    """Return a frame. Called ten thousand times.

    Compares types, because a JSON `true` is an `int` to `isinstance`.
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


@dataclass(frozen=True, slots=True)
class MergedJobs:
    """Distinct modules and addresses of several jobs, each with its index.

    An address has a merged module index. Modules without a debug id have no addresses.
    """

    modules: dict[Module, int] = field(default_factory=dict)
    addresses: dict[Address, int] = field(default_factory=dict)

    def module_indexes(self, job: ParsedJob) -> list[int]:
        """Return the merged indexes of the modules of a job, in the order of the job."""
        return [self.modules[module] for module in job.modules]

    def to_request(self) -> SymbolicationRequest:
        """Return a request whose single stack has the addresses in their order."""
        frames = [
            FrameRequest(
                offset if offset <= _MAX_OFFSET else _INVALID_ADDRESS,
                index,
                adjusted=False,
            )
            for index, offset in self.addresses
        ]
        return SymbolicationRequest(
            [StackRequest(frames)], [_module_request(m) for m in self.modules]
        )


def merge_jobs(jobs: Sequence[ParsedJob]) -> MergedJobs:
    """Merge the modules and addresses of `jobs`.

    Raises:
        InvalidRequest: they have more than MAX_MODULES modules.
    """
    merged = MergedJobs()
    for job in jobs:
        for module in job.modules:
            merged.modules.setdefault(module, len(merged.modules))
        if len(merged.modules) > MAX_MODULES:
            raise InvalidRequest(
                f"please limit number of modules in a single request to <= {MAX_MODULES}"
            )
        indexes = merged.module_indexes(job)
        has_id = [bool(debug_id) for _, debug_id in job.modules]
        for stack in job.stacks:
            for index, offset in stack:
                if index >= 0 and has_id[index]:
                    address = indexes[index], offset
                    merged.addresses.setdefault(address, len(merged.addresses))
    return merged


def _module_request(module: Module) -> ModuleRequest:
    name, debug_id = module
    ids = ModuleIds.known(DebugId.parse_or_none(debug_id), None)
    return ModuleRequest(MemoryRange(0), ids, name)
