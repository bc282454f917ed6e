"""Request and result of symbolication, independent of the protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.selection.id_matching import ModuleIds
from symdepot.domain.stacks.memory_map import MemoryRange
from symdepot.domain.stacks.sources import SourceContext
from symdepot.domain.stacks.stack_resolver import (
    FrameOrder,
    ModuleStatus,
    ResolvedFrame,
    StackRequest,
)
from symdepot.projects.access import ReadScope
from symdepot.projects.models import Project


@dataclass(frozen=True, slots=True)
class LookupScope:
    """The projects to search, and the actor for the audit log.

    `project` is the one that records missing ids; None if the token has several.
    """

    readable: ReadScope
    project: Project | None
    by: str

    @classmethod
    def of(cls, project: Project, by: str) -> "LookupScope":
        """Return the scope of one project."""
        return cls(ReadScope(project_id=project.pk), project, by)


@dataclass(frozen=True, slots=True)
class ModuleRequest:
    """A module of a process: its memory range, ids and name."""

    image: MemoryRange
    ids: ModuleIds
    name: str = ""


@dataclass(frozen=True, slots=True)
class SymbolicationRequest:
    """Stack traces of a process, and its modules.

    `with_sources`: add source context. `with_near_misses`: explain missing modules.
    """

    stacks: Sequence[StackRequest]
    modules: Sequence[ModuleRequest]
    signal: int | None = None
    order: FrameOrder = FrameOrder.CALLEE_FIRST
    with_sources: bool = False
    with_near_misses: bool = False


class CandidateStatus(StrEnum):
    """Whether a file could be used.

    Source: spec/serving 4.5, status of a download and of debug information.
    """

    OK = "ok"
    MALFORMED = "malformed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A debug file that was tried for a module.

    `status` is None if it was not opened: not needed, or without symbols.
    """

    debug_file: DebugFile
    status: CandidateStatus | None
    details: str = ""


@dataclass(frozen=True, slots=True)
class ModuleResult:
    """The result for a module; `image` has a size even if the request had none.

    `symbols` and `sources`: the files that function names and source lines come from.
    `near_misses`: texts about similar files, if the module is missing.
    """

    request: ModuleRequest
    image: MemoryRange
    status: ModuleStatus
    arch: str = ""
    symbols: DebugFile | None = None
    sources: DebugFile | None = None
    candidates: Sequence[Candidate] = ()
    near_misses: Sequence[str] = ()


type Line = tuple[int, str, int]
"""A source line: module index, path as the compiler wrote it, line number."""


@dataclass(frozen=True, slots=True)
class SymbolicationResult:
    """The frames of each stack, the result for each module, and source context."""

    stacks: Sequence[Sequence[ResolvedFrame]]
    modules: Sequence[ModuleResult]
    contexts: Mapping[Line, SourceContext]
