"""From what is answered to what a client reads.

Source: spec/serving 5.1 and 5.2.

What is told of the work behind an answer, to whoever sends a `Debug` header.

Source: eliot/symbolicate_resource.py, `DebugStats`, for the names.

Answers that a page of any origin may read.

Source: spec/serving 5.1; fetch.spec.whatwg.org, "CORS protocol".
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.http import HttpRequest, HttpResponse
from pydantic_core import to_json

from symdepot.domain.errors import InvalidRequest
from symdepot.domain.stacks.stack_resolver import ModuleStatus, ResolvedFrame
from symdepot.domain.symcache.demangler import demangle
from symdepot.domain.symcache.reader import SymbolFrame as Place
from symdepot.protocols.eliot.request_parser import Address, Job, MergedJobs, Module
from symdepot.symbolication.request import SymbolicationResult

type Json = dict[str, Any]

MOST_CHARACTERS = 256_000_000
"""How much one answer may say: an address of four digits may have a name of millions."""

_UNKNOWN = "<unknown>"
_FRAME_CHARACTERS = 100
"""What a frame takes besides its names."""
_by_index = attrgetter("original_index")


def v5(jobs: Sequence[Job], told: "ResultIndex") -> list[Json]:
    """Return the results of jobs, in their order.

    Raises:
        InvalidRequest: they are too long.
    """
    return [
        {
            "stacks": [
                [{"frame": n, **fields} for n, fields in enumerate(stack)]
                for stack in told.stacks(job)
            ],
            "found_modules": told.found_modules(job),
        }
        for job in jobs
    ]


def v4(job: Job, told: "ResultIndex") -> Json:
    """Return the result of one job: names alone.

    Raises:
        InvalidRequest: it is too long.
    """
    found = told.found_modules(job)
    return {
        "symbolicatedStacks": [
            [_in_words(fields) for fields in stack] for stack in told.stacks(job)
        ],
        "knownModules": [found[key(module)] for module in job.modules],
    }


def key(module: Module) -> str:
    """Return what a module is called in answers.

    >>> key(("libz.so", "0"))
    'libz.so/0'
    """
    return "/".join(module)


class ResultIndex:
    """What is told of each module and address, whichever jobs ask for it.

    `code_files` are what the programs of modules are called, by the modules' places.
    """

    def __init__(
        self,
        gathered: MergedJobs,
        answer: SymbolicationResult,
        code_files: Mapping[int, str],
    ) -> None:
        modules = list(gathered.modules)
        self._gathered = gathered
        self._answer = answer
        self._names = [
            code_files.get(place) or name or _UNKNOWN
            for place, (name, _) in enumerate(modules)
        ]
        self._fields = [
            _of(self._names[place], offset) for place, offset in gathered.addresses
        ]
        self._characters = [_FRAME_CHARACTERS] * len(self._fields)
        self._characters_left = MOST_CHARACTERS
        for index, frames in groupby(answer.stacks[0], _by_index):
            self._add(index, list(frames))

    def found_modules(self, job: Job) -> dict[str, bool | None]:
        """Say which modules were found; None is one that nobody asked for."""
        places = self._gathered.places(job)
        return {
            key(module): _is_found(self._answer.modules[place].status)
            for module, place in zip(job.modules, places, strict=True)
        }

    def stacks(self, job: Job) -> Iterator[list[Json]]:
        """Return what is known of each frame of each stack.

        Raises:
            InvalidRequest: that would be too long an answer.
        """
        places = self._gathered.places(job)
        for stack in job.stacks:
            yield [self._frame(places, address) for address in stack]

    def _frame(self, places: Sequence[int], address: Address) -> Json:
        index, offset = address
        if index < 0:
            return _of(_UNKNOWN, offset)
        place = places[index]
        known = self._gathered.addresses.get((place, offset))
        if known is None:
            return _of(self._names[place], offset)
        self._characters_left -= self._characters[known]
        if self._characters_left < 0:
            raise InvalidRequest(
                f"The answer would have more than {MOST_CHARACTERS} characters. "
                "Ask for fewer frames at once."
            )
        return self._fields[known]

    def _add(self, index: int, frames: Sequence[ResolvedFrame]) -> None:
        """Add what is known of an address, whose frames come innermost first."""
        *inlines, outer = (frame.symbol for frame in frames)
        if outer is None:
            return
        fields, begins = self._fields[index], frames[-1].function_address
        fields.update(_named(outer))
        if begins is not None:
            fields["function_offset"] = hex(frames[-1].address - begins)
        if inlines:
            fields["inlines"] = [_named(place) for place in inlines if place]
        for said in (fields, *fields.get("inlines", ())):
            names = len(said["function"]) + len(said.get("file", ""))
            self._characters[index] += _FRAME_CHARACTERS + names


def _is_found(status: ModuleStatus) -> bool | None:
    return None if status is ModuleStatus.UNUSED else status is ModuleStatus.FOUND


def _of(module: str, offset: int) -> Json:
    return {"module": module, "module_offset": hex(offset)}


def _named(place: Place) -> Json:
    """Return a function, and its file and line as far as they are known."""
    named: Json = {"function": demangle(place.function)}
    if place.path:
        named["file"] = place.path
        if place.line:
            named["line"] = place.line
    return named


def _in_words(fields: Json) -> str:
    """Return a frame in the one line that v4 has for it."""
    return f"{fields.get('function', fields['module_offset'])} (in {fields['module']})"


def debug_info(
    results: Sequence[Json],
    gathered: MergedJobs,
    answer: SymbolicationResult,
    seconds: float,
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


METHODS = "POST, OPTIONS"
_DAY_SECONDS = "86400"


def json_response(content: object, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    """Return an answer of JSON."""
    return _open(
        HttpResponse(to_json(content), content_type="application/json", status=status)
    )


def preflight(request: HttpRequest) -> HttpResponse:
    """Return the answer to a browser that asks whether a page may ask.

    It may send any header: a star would leave out the one that carries the token, and
    the Firefox Profiler sends a User-Agent of its own.
    """
    answer = _open(HttpResponse(content_type="text/plain"))
    answer["Allow"] = answer["Access-Control-Allow-Methods"] = METHODS
    asked = request.headers.get("Access-Control-Request-Headers")
    if asked:
        answer["Access-Control-Allow-Headers"] = asked
    answer["Access-Control-Max-Age"] = _DAY_SECONDS
    answer["Vary"] = "Access-Control-Request-Headers"
    return answer


def _open(answer: HttpResponse) -> HttpResponse:
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Access-Control-Expose-Headers"] = "Retry-After"
    return answer
