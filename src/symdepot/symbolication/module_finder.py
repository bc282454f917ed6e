"""Find the debug files of modules and open their symcaches.

Three steps, so that a caller can stop while symcaches are being created: `find_files`,
`wait_for_symcaches`, `open_symbols`. `find_modules` does all of them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

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
from symdepot.jobs.polling import Backoff
from symdepot.symbolication.request import (
    Candidate,
    CandidateStatus,
    LookupScope,
    ModuleRequest,
)
from symdepot.symcaches import failure_report, lifecycle, opener
from symdepot.symcaches.disk_cache import disk_cache
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.symcaches.opener import SymCacheUnavailable

_UNFINISHED = frozenset({Outcome.QUEUED, Outcome.MAKING})
_NOT_IN_TIME = (
    ModuleStatus.TIMEOUT,
    "Its symcache is not made yet; ask again in a moment.",
)
_NOT_MADE_HERE = ModuleStatus.OTHER, "No symcaches are made on this server."
_CANDIDATE_STATUSES = {
    ModuleStatus.FOUND: CandidateStatus.OK,
    ModuleStatus.MALFORMED: CandidateStatus.MALFORMED,
}
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
    rows = finder.find_files(scope.readable, [one.ids for one in requests.values()])
    return {key: _found(module, rows[module.ids]) for key, module in requests.items()}


def wait_for_symcaches(
    modules: Collection[FoundModule], *, until: float
) -> dict[int, SymCache]:
    """Return the symcache rows by debug file id, as soon as no module is pending.

    Waits no longer than `until`, a time of `time.monotonic`. Queues missing symcaches,
    and moves those that are pending to the front of the queue.
    """
    files = list({row.pk: row for m in modules for row in m.convertible}.values())
    backoff = Backoff(until, first_seconds=0.05, max_seconds=1.0)
    symcaches = opener.ensure_rows(files)
    while pending := _pending_rows(modules, symcaches):
        lifecycle.move_to_front(pending)
        if not backoff.pause():
            break
        symcaches = opener.ensure_rows(files)
    return symcaches


def is_pending(
    modules: Iterable[FoundModule], symcaches: Mapping[int, SymCache]
) -> bool:
    """Whether the best usable file of any module still lacks its symcache."""
    return bool(_pending_rows(modules, symcaches))


def open_symbols(
    scope: LookupScope,
    modules: Collection[FoundModule],
    symcaches: Mapping[int, SymCache],
) -> None:
    """Open the best symcache of each module; record used files and missing ids."""
    for module in modules:
        _open(module, symcaches)
        if module.status is ModuleStatus.MISSING and scope.project is not None:
            pk, newest = scope.project.pk, max((r.pk for r in module.files), default=0)
            missing_ids.record_miss(
                pk, module.requested_ids, by=scope.by, newest_row_id=newest
            )
    usage.mark_all_used(m.chosen for m in modules if m.chosen is not None)


def add_near_misses(scope: LookupScope, modules: Collection[FoundModule]) -> None:
    """Set `near_misses` of the missing modules."""
    missing = [m for m in modules if m.status is ModuleStatus.MISSING]
    if scope.project is None or not missing:
        return
    found = failure_report.explain_misses(
        scope.project, [m.requested_ids for m in missing]
    )
    for module in missing:
        module.near_misses = [miss.text for miss in found[module.requested_ids]]


def _found(module: ModuleRequest, rows: Sequence[DebugFile]) -> FoundModule:
    files = [row for row in rows if row.file_format in _OBJECTS]
    convertible = [r for r in files if conversion.is_convertible(r.object_file())]
    return FoundModule(module, files, convertible)


def _pending_rows(
    modules: Iterable[FoundModule], symcaches: Mapping[int, SymCache]
) -> list[SymCache]:
    """Return the best usable symcache of each module, if it is unfinished."""
    best: list[SymCache] = []
    for module in modules:
        rows = (symcaches[one.pk] for one in module.convertible if one.pk in symcaches)
        usable = (row for row in rows if row.outcome != Outcome.FAILED)
        best += islice(usable, 1)
    return [row for row in best if row.outcome in _UNFINISHED]


def _open(module: FoundModule, symcaches: Mapping[int, SymCache]) -> None:
    """Open the best symcache that can be opened; add all files as candidates."""
    statuses: list[ModuleStatus] = []
    for row in module.files:
        if module.chosen is not None or row not in module.convertible:
            module.candidates.append(_unopened(row))
            continue
        symbols, result, details = _open_symcache(symcaches.get(row.pk))
        statuses.append(result)
        usable = _CANDIDATE_STATUSES.get(result, CandidateStatus.ERROR)
        module.candidates.append(Candidate(row, usable, details))
        if symbols is not None:
            module.symbols, module.chosen = symbols, row
    if statuses:
        module.status = statuses[0] if module.chosen is None else ModuleStatus.FOUND
    elif any(map(_names_nothing_by_address, module.files)):
        module.status = ModuleStatus.UNSUPPORTED


def _unopened(row: DebugFile) -> Candidate:
    if conversion.is_relocatable(row.object_file()):
        return Candidate(row, CandidateStatus.ERROR, conversion.RELOCATABLE)
    return Candidate(row, None)


def _names_nothing_by_address(row: DebugFile) -> bool:
    is_relocatable = conversion.is_relocatable(row.object_file())
    return is_relocatable or row.file_format in _NOT_BY_ADDRESS


def _open_symcache(
    row: SymCache | None,
) -> tuple[OpenSymCache | None, ModuleStatus, str]:
    """Return a symcache, the status of its module, and the reason of a failure."""
    try:
        opened = opener.open_row(row, blob_store(), disk_cache())
    except StorageUnavailable as error:
        cause = {"cause": repr(error.__cause__)} if error.__cause__ else {}
        _log.warning("symcache.unreadable", reason=str(error), **cause)
        return None, ModuleStatus.FETCHING_FAILED, str(error)
    if not isinstance(opened, SymCacheUnavailable):
        return opened, ModuleStatus.FOUND, ""
    if opened.outcome == Outcome.FAILED:
        return None, ModuleStatus.MALFORMED, opened.detail
    return None, *(_NOT_MADE_HERE if opened.outcome is None else _NOT_IN_TIME)
