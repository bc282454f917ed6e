"""Write responses, debug statistics and CORS headers.

Source: spec/serving 5.1 and 5.2; eliot/app.py, for the exposed headers;
eliot/symbolicate_resource.py, `DebugStats`, for the names of statistics;
fetch.spec.whatwg.org, "CORS protocol".
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.http import HttpResponse
from pydantic_core import to_json

from symdepot.domain.errors import InvalidRequest
from symdepot.domain.stacks.stack_resolver import ModuleStatus, ResolvedFrame
from symdepot.domain.symcache.demangler import demangle
from symdepot.domain.symcache.reader import SymbolFrame
from symdepot.protocols.eliot.request_parser import (
    Address,
    MergedJobs,
    Module,
    ParsedJob,
)
from symdepot.symbolication.request import SymbolicationResult

type Json = dict[str, Any]

METHODS = "POST, OPTIONS"
MAX_CHARACTERS = 256_000_000
"""Of one response: an address of four digits may have a name of a million."""

_UNKNOWN = "<unknown>"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Retry-After, accept, accept-encoding, authorization, content-type, dnt, origin, "
        "user-agent, x-csrftoken, x-requested-with"
    ),
}
_FRAME_CHARACTERS = 100
"""Of a frame, without its names."""
_by_index = attrgetter("original_index")


def render_v5(jobs: Sequence[ParsedJob], index: "ResultIndex") -> list[Json]:
    """Return the results of jobs, in their order; as `ResultIndex.stacks`."""
    return [
        {
            "stacks": [
                [{"frame": n, **fields} for n, fields in enumerate(stack)]
                for stack in index.stacks(job)
            ],
            "found_modules": index.found_modules(job),
        }
        for job in jobs
    ]


def render_v4(job: ParsedJob, index: "ResultIndex") -> Json:
    """Return the result of one job, without files and lines."""
    found = index.found_modules(job)
    return {
        "symbolicatedStacks": [
            [
                f"{one.get('function', one['module_offset'])} (in {one['module']})"
                for one in stack
            ]
            for stack in index.stacks(job)
        ],
        "knownModules": [found[module_key(module)] for module in job.modules],
    }


def module_key(module: Module) -> str:
    """Return the key of a module in responses.

    >>> module_key(("libz.so", "0"))
    'libz.so/0'
    """
    return "/".join(module)


class ResultIndex:
    """Results by module and address, shared by all jobs.

    `code_files`: names of the modules' programs, by merged module index.
    """

    def __init__(
        self,
        merged: MergedJobs,
        result: SymbolicationResult,
        code_files: Mapping[int, str],
    ) -> None:
        modules = list(merged.modules)
        self._merged = merged
        self._result = result
        self._names = [
            code_files.get(module) or name or _UNKNOWN
            for module, (name, _) in enumerate(modules)
        ]
        self._fields = [
            _address(self._names[module], offset) for module, offset in merged.addresses
        ]
        self._characters = [_FRAME_CHARACTERS] * len(self._fields)
        self._characters_left = MAX_CHARACTERS
        for index, frames in groupby(result.stacks[0], _by_index):
            self._add(index, list(frames))

    def found_modules(self, job: ParsedJob) -> dict[str, bool | None]:
        """Return whether each module was found; None: no frame is in it."""
        found = {ModuleStatus.UNUSED: None, ModuleStatus.FOUND: True}
        indexes = zip(job.modules, self._merged.module_indexes(job), strict=True)
        return {
            module_key(module): found.get(self._result.modules[index].status, False)
            for module, index in indexes
        }

    def stacks(self, job: ParsedJob) -> Iterator[list[Json]]:
        """Return the fields of each frame of each stack.

        Raises:
            InvalidRequest: the response is too long.
        """
        indexes = self._merged.module_indexes(job)
        for stack in job.stacks:
            yield [self._frame(indexes, address) for address in stack]

    def _frame(self, indexes: Sequence[int], address: Address) -> Json:
        index, offset = address
        if index < 0:
            return _address(_UNKNOWN, offset)
        module = indexes[index]
        known = self._merged.addresses.get((module, offset))
        if known is None:
            return _address(self._names[module], offset)
        self._characters_left -= self._characters[known]
        if self._characters_left < 0:
            raise InvalidRequest(
                f"The answer would have more than {MAX_CHARACTERS} characters. "
                "Ask for fewer frames at once."
            )
        return self._fields[known]

    def _add(self, index: int, frames: Sequence[ResolvedFrame]) -> None:
        """Add the frames of an address, innermost first."""
        *inlines, outer = (frame.symbol for frame in frames)
        if outer is None:
            return
        fields, start = self._fields[index], frames[-1].function_address
        fields.update(_named(outer))
        if start is not None:
            fields["function_offset"] = hex(frames[-1].address - start)
        if inlines:
            fields["inlines"] = [_named(symbol) for symbol in inlines if symbol]
        for each in (fields, *fields.get("inlines", ())):
            names = len(each["function"]) + len(each.get("file", ""))
            self._characters[index] += _FRAME_CHARACTERS + names


def _address(module: str, offset: int) -> Json:
    return {"module": module, "module_offset": hex(offset)}


def _named(symbol: SymbolFrame) -> Json:
    """Return a function, and its file and line if known."""
    named: Json = {"function": demangle(symbol.function)}
    if symbol.path:
        named["file"] = symbol.path
        if symbol.line:
            named["line"] = symbol.line
    return named


def debug_info(
    results: Sequence[Json],
    merged: MergedJobs,
    result: SymbolicationResult,
    seconds: float,
) -> Json:
    """Return the statistics that Eliot returns, as far as they apply.

    Nothing is downloaded or parsed during a request. `status_per_module` is an addition
    to Eliot's: why a module has no symbols.
    """
    found = [each for one in results for each in one["found_modules"].items()]
    stacks = Counter(module for module, was_found in found if was_found is not None)
    statuses = {
        module_key(module): result.modules[index].status
        for module, index in merged.modules.items()
    }
    used = [s for s in statuses.values() if s is not ModuleStatus.UNUSED]
    return {
        "time": seconds,
        "modules": {
            "count": stacks.total(),
            "stacks_per_module": stacks,
            "status_per_module": statuses,
        },
        "cache_lookups": {
            "count": len(used),
            "hits": used.count(ModuleStatus.FOUND),
            "time": seconds,
        },
        "downloads": {"count": 0, "size": 0, "time": 0.0},
        "parse_sym": {"time": 0.0},
        "save_symcache": {"time": 0.0},
    }


def json_response(content: object, status: int = HTTPStatus.OK) -> HttpResponse:
    """Return a JSON response that a page of any origin may read."""
    content = to_json(content)
    return HttpResponse(content, "application/json", status, headers=_CORS)
