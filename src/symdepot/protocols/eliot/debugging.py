"""What is told of the work behind an answer, to whoever sends a `Debug` header.

Source: eliot/symbolicate_resource.py, `DebugStats`, for the names.
"""

from collections import Counter
from collections.abc import Sequence

from symdepot.domain.stacks.stack_resolver import ModuleStatus
from symdepot.protocols.eliot.gathering import Gathered
from symdepot.protocols.eliot.rendering import Json, key
from symdepot.symbolication.request import Answer


def debug(
    results: Sequence[Json], gathered: Gathered, answer: Answer, seconds: float
) -> Json:
    """Return what Eliot tells of its own work, as far as we do any of it.

    Nothing is downloaded or parsed while a client waits. Eliot has no
    `status_per_module`, which says why there are no symbols.
    """
    stacks = Counter(
        module
        for result in results
        for module, found in result["found_modules"].items()
        if found is not None
    )
    statuses = {
        key(module): answer.modules[place].status
        for module, place in gathered.modules.items()
    }
    asked = [s for s in statuses.values() if s is not ModuleStatus.UNUSED]
    return {
        "time": seconds,
        "modules": {
            "count": stacks.total(),
            "stacks_per_module": stacks,
            "status_per_module": statuses,
        },
        "cache_lookups": {
            "count": len(asked),
            "hits": asked.count(ModuleStatus.FOUND),
            "time": seconds,
        },
        "downloads": {"count": 0, "size": 0, "time": 0.0},
        "parse_sym": {"time": 0.0},
        "save_symcache": {"time": 0.0},
    }
