"""What is asked, and what is answered, in whatever protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import QuerySet

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.selection.module_ids import ModuleIds
from symdepot.domain.stacks.memory_map import MemoryRange
from symdepot.domain.stacks.sources import SourceContext
from symdepot.domain.stacks.stack_resolver import (
    FrameOrder,
    ModuleStatus,
    ResolvedFrame,
    StackRequest,
)
from symdepot.projects.models import Project


@dataclass(frozen=True, slots=True)
class LookupScope:
    """Where files may be looked for, and who asks.

    `project` is the one in which misses are noted; None if nobody knows which.
    """

    projects: QuerySet[Project]
    project: Project | None
    by: str

    @classmethod
    def of(cls, project: Project, by: str) -> "LookupScope":
        """Return the scope of one project."""
        return cls(Project.objects.filter(pk=project.pk), project, by)


@dataclass(frozen=True, slots=True)
class ModuleRequest:
    """A module of a process: where it was loaded, its ids, and what it is called."""

    image: MemoryRange
    ids: ModuleIds
    name: str = ""


@dataclass(frozen=True, slots=True)
class SymbolicationRequest:
    """Stack traces, and the modules of the process that they are of.

    `with_sources` asks for the lines around each frame, `with_misses` for what is
    almost the file of a module that is missing.
    """

    stacks: Sequence[StackRequest]
    modules: Sequence[ModuleRequest]
    signal: int | None = None
    order: FrameOrder = FrameOrder.CALLEE_FIRST
    with_sources: bool = False
    with_misses: bool = False


class CandidateStatus(StrEnum):
    """What became of a file that was tried.

    Source: spec/serving 4.5, status of a download and of debug information.
    """

    OK = "ok"
    MALFORMED = "malformed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A debug file that was tried, and what became of it.

    `debug` is None if it was not needed, or is no file that symbols come from; then
    nothing is known to be wrong with it.
    """

    debug_file: DebugFile
    debug: CandidateStatus | None
    details: str = ""


@dataclass(frozen=True, slots=True)
class ModuleResult:
    """What became of a module; its image with its size filled in.

    `symbols` and `sources` are the files that names, and lines of source, come from.
    `misses` says, of one that was not found, what is there instead.
    """

    asked: ModuleRequest
    image: MemoryRange
    status: ModuleStatus
    arch: str = ""
    symbols: DebugFile | None = None
    sources: DebugFile | None = None
    candidates: Sequence[Candidate] = ()
    misses: Sequence[str] = ()


type Line = tuple[int, str, int]
"""A line of a source: of which module, the path that its compiler wrote, the number."""


@dataclass(frozen=True, slots=True)
class SymbolicationResult:
    """The frames of each stack, what became of each module, and lines of source."""

    stacks: Sequence[Sequence[ResolvedFrame]]
    modules: Sequence[ModuleResult]
    contexts: Mapping[Line, SourceContext]
