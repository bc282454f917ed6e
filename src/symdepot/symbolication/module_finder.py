"""Find the debug files of modules and open their symcaches.

Three steps, so that a caller can stop while symcaches are being created: `find_files`,
`wait_for_symcaches`, `open_symbols`. `find_modules` does all of them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import finder, missing_ids, usage
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.near_misses import RequestedIds
from symdepot.domain.errors import StorageUnavailable
from symdepot.domain.objects import Format
from symdepot.domain.stacks.stack_resolver import ModuleStatus
from symdepot.domain.symcache import conversion
from symdepot.domain.symcache.reader import OpenSymCache
from symdepot.jobs.backoff import Backoff
from symdepot.symbolication.request import (
    Candidate,
    CandidateStatus,
    LookupScope,
    ModuleRequest,
)
from symdepot.symcaches import opener, status
from symdepot.symcaches.disk_cache import disk_cache
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.symcaches.opener import SymCacheUnavailable

_FIRST_PAUSE_SECONDS = 0.05
_MAX_PAUSE_SECONDS = 1.0
_UNFINISHED = frozenset({Outcome.QUEUED, Outcome.MAKING})
_NOT_IN_TIME = "Its symcache is not made yet; ask again in a moment."
_NOT_MADE_HERE = "No symcaches are made on this server."
_NOT_BY_ADDRESS = frozenset({Format.IL2CPP, Format.PORTABLE_PDB})
"""Their methods have no addresses: see `conversion.CONVERTIBLE_FORMATS`."""
_OBJECTS = conversion.CONVERTIBLE_FORMATS | _NOT_BY_ADDRESS | {Format.SOURCE_BUNDLE}
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class FoundModule:
    """The debug files of a module, best first, and its open symbols.

    `convertible`: those of `files` that name functions by address. `symbols` is None
    unless `status` is FOUND; `chosen` is their file.
    """

    request: ModuleRequest
    files: Sequence[DebugFile]
    convertible: Sequence[DebugFile]
    status: ModuleStatus = ModuleStatus.MISSING
    symbols: OpenSymCache | None = None
    chosen: DebugFile | None = None
    candidates: list[Candidate] = field(default_factory=list)
    near_misses: list[str] = field(default_factory=list)

    @property
    def bundles(self) -> list[DebugFile]:
        """The source bundles of the module, best first."""
        return [row for row in self.files if row.file_format == Format.SOURCE_BUNDLE]

    @property
    def requested_ids(self) -> RequestedIds:
        """The ids and the name of the request."""
        ids = self.request.ids
        return RequestedIds(ids.debug_id, ids.code_id, self.request.name)


def find_modules[Key](
    scope: LookupScope, requests: Mapping[Key, ModuleRequest], *, until: float
) -> dict[Key, FoundModule]:
    """Find modules and open the symcaches that are ready at `until`.

    `until` is a time of `time.monotonic`.
    """
    found = find_files(scope, requests)
    symcaches = wait_for_symcaches(found.values(), until=until)
    open_symbols(scope, found.values(), symcaches)
    return found


def find_files[Key](
    scope: LookupScope, requests: Mapping[Key, ModuleRequest]
) -> dict[Key, FoundModule]:
    """Find the debug files of modules, with the keys of `requests`."""
    rows = finder.find_files(
        scope.readable, [request.ids for request in requests.values()]
    )
    return {key: _found(module, rows[module.ids]) for key, module in requests.items()}


def wait_for_symcaches(
    modules: Collection[FoundModule], *, until: float
) -> dict[int, SymCache]:
    """Return the symcache rows by debug file id, as soon as no module is pending.

    Waits no longer than `until`, a time of `time.monotonic`. Queues missing symcaches.
    """
    files = list({row.pk: row for m in modules for row in m.convertible}.values())
    backoff = Backoff(
        until, first_seconds=_FIRST_PAUSE_SECONDS, max_seconds=_MAX_PAUSE_SECONDS
    )
    symcaches = opener.ensure_rows(files)
    while is_pending(modules, symcaches) and backoff.pause():
        symcaches = opener.ensure_rows(files)
    return symcaches


def is_pending(
    modules: Iterable[FoundModule], symcaches: Mapping[int, SymCache]
) -> bool:
    """Whether the best usable file of any module still lacks its symcache."""
    return any(_is_pending(module, symcaches) for module in modules)


def open_symbols(
    scope: LookupScope,
    modules: Collection[FoundModule],
    symcaches: Mapping[int, SymCache],
) -> None:
    """Open the best symcache of each module; record used files and missing ids."""
    for module in modules:
        _open(module, symcaches)
    usage.mark_all_used(m.chosen for m in modules if m.chosen is not None)
    for module in modules:
        if module.status is ModuleStatus.MISSING and scope.project is not None:
            newest = max((row.pk for row in module.files), default=0)
            missing_ids.record_miss(
                scope.project.pk,
                module.requested_ids,
                by=scope.by,
                newest_row_id=newest,
            )


def add_near_misses(scope: LookupScope, modules: Collection[FoundModule]) -> None:
    """Set `near_misses` of the missing modules."""
    missing = [m for m in modules if m.status is ModuleStatus.MISSING]
    if scope.project is None or not missing:
        return
    found = status.explain_misses(scope.project, [m.requested_ids for m in missing])
    for module in missing:
        module.near_misses = [miss.text for miss in found[module.requested_ids]]


def _found(module: ModuleRequest, rows: Sequence[DebugFile]) -> FoundModule:
    files = [row for row in rows if row.file_format in _OBJECTS]
    convertible = [r for r in files if conversion.is_convertible(r.object_file())]
    return FoundModule(module, files, convertible)


def _is_pending(module: FoundModule, symcaches: Mapping[int, SymCache]) -> bool:
    for row in module.convertible:
        outcome = symcaches[row.pk].outcome if row.pk in symcaches else Outcome.FAILED
        if outcome != Outcome.FAILED:
            return outcome in _UNFINISHED
    return False


def _open(module: FoundModule, symcaches: Mapping[int, SymCache]) -> None:
    """Open the best symcache that can be opened; add all files as candidates."""
    failures: list[ModuleStatus] = []
    for row in module.files:
        if module.chosen is not None or row not in module.convertible:
            module.candidates.append(Candidate(row, None))
            continue
        attempt = _try_to_open(symcaches.get(row.pk))
        module.candidates.append(Candidate(row, attempt.candidate, attempt.details))
        if attempt.symbols is not None:
            module.symbols, module.chosen = attempt.symbols, row
        else:
            failures.append(attempt.module)
    if module.chosen is not None:
        module.status = ModuleStatus.FOUND
    elif failures:
        module.status = failures[0]
    elif any(row.file_format in _NOT_BY_ADDRESS for row in module.files):
        module.status = ModuleStatus.UNSUPPORTED


class _Attempt(NamedTuple):
    """An attempt to open a symcache: statuses of the module and the candidate."""

    module: ModuleStatus
    candidate: CandidateStatus
    details: str = ""
    symbols: OpenSymCache | None = None


def _try_to_open(row: SymCache | None) -> _Attempt:
    try:
        opened = opener.open_row(row, blob_store(), disk_cache())
    except StorageUnavailable as error:
        cause = {"cause": repr(error.__cause__)} if error.__cause__ else {}
        _log.warning("symcache.unreadable", reason=str(error), **cause)
        return _Attempt(ModuleStatus.FETCHING_FAILED, CandidateStatus.ERROR, str(error))
    if isinstance(opened, SymCacheUnavailable):
        return _failed(opened)
    return _Attempt(ModuleStatus.FOUND, CandidateStatus.OK, symbols=opened)


def _failed(unavailable: SymCacheUnavailable) -> _Attempt:
    match unavailable.outcome:
        case Outcome.FAILED:
            return _Attempt(
                ModuleStatus.MALFORMED, CandidateStatus.MALFORMED, unavailable.detail
            )
        case None:
            return _Attempt(ModuleStatus.OTHER, CandidateStatus.ERROR, _NOT_MADE_HERE)
        case _:
            return _Attempt(ModuleStatus.TIMEOUT, CandidateStatus.ERROR, _NOT_IN_TIME)
