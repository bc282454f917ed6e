"""What jobs ask together: each module once, and each address in it once.

Stacks repeat themselves: of a profile, one frame in twenty is new.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from symdepot.domain.errors import InvalidRequest
from symdepot.domain.ids import DebugId
from symdepot.domain.selection.module_ids import ModuleIds
from symdepot.domain.stacks.memory_map import Image
from symdepot.domain.stacks.stack_resolver import AskedFrame, AskedStack
from symdepot.protocols.eliot.jobs import Address, Job, Module
from symdepot.symbolication.request import AskedModule, Question

MOST_MODULES = 10_000
"""Of one request, each counted once; a large process has a thousand."""
_MOST = 2**64 - 1
_NOWHERE = -1
"""Where nothing is, for offsets that no program has."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Modules and addresses, each with its place in the question.

    An address is one in a module of the question. Of a module without an id nothing
    can be asked.
    """

    modules: dict[Module, int] = field(default_factory=dict)
    addresses: dict[Address, int] = field(default_factory=dict)

    def places(self, job: Job) -> list[int]:
        """Return the places of the modules of a job, in the order of the job."""
        return [self.modules[module] for module in job.modules]

    def question(self) -> Question:
        """Return the question; its one stack has the addresses in their order."""
        frames = [
            AskedFrame(offset if offset <= _MOST else _NOWHERE, place, adjusted=False)
            for place, offset in self.addresses
        ]
        return Question([AskedStack(frames)], [_asked(m) for m in self.modules])


def gathered(jobs: Sequence[Job]) -> Gathered:
    """Return what `jobs` ask.

    Raises:
        InvalidRequest: they name more modules than are looked for at once.
    """
    together = Gathered()
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


def _asked(module: Module) -> AskedModule:
    name, debug_id = module
    ids = ModuleIds.known(DebugId.parse_or_none(debug_id), None)
    return AskedModule(Image(0), ids, name)
