"""Finds the symbols of modules: which file serves, and what became of each tried."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import missing_ids, module_files, usage
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
_ON_ITS_WAY = frozenset({Outcome.QUEUED, Outcome.MAKING})
_NOT_IN_TIME = "Its symcache is not made yet; ask again in a moment."
_NOT_MADE_HERE = "No symcaches are made on this server."
_NOT_BY_ADDRESS = frozenset({Format.IL2CPP, Format.PORTABLE_PDB})
"""Their methods have no addresses: see `conversion.CONVERTIBLE_FORMATS`."""
_OBJECTS = conversion.CONVERTIBLE_FORMATS | _NOT_BY_ADDRESS | {Format.SOURCE_BUNDLE}
_log = structlog.get_logger(__name__)


class SymCachesPending(Exception):
    """Symcaches of the files that serve best are still being made.

    Of no client's concern by itself: see `pending`.
    """


@dataclass(slots=True)
class FoundModule:
    """What was found of one module, and what its symbols are, or why there are none.

    `naming` are those of its `rows` that name functions by address; of both, the best
    come first.
    """

    asked: ModuleRequest
    rows: Sequence[DebugFile]
    naming: Sequence[DebugFile]
    symbols: OpenSymCache | ModuleStatus = ModuleStatus.MISSING
    chosen: DebugFile | None = None
    candidates: list[Candidate] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)

    @property
    def bundles(self) -> list[DebugFile]:
        """The source bundles of the module, the best first."""
        return [row for row in self.rows if row.file_format == Format.SOURCE_BUNDLE]


def find_modules(
    scope: LookupScope,
    asked: Mapping[int, ModuleRequest],
    *,
    until: float,
    may_wait: bool,
) -> dict[int, FoundModule]:
    """Return what there is of these modules, with the symbols of each open.

    Until `until`, on the clock of `time.monotonic`, waits for symcaches that are being
    made. Then those that are there have to do, unless it `may_wait` longer: a worse file
    is no answer while a better one is to be had. What is not there is noted as wanted.

    Raises:
        NotReady: it may wait longer, and should.
        StorageUnavailable: the store or the disk did not answer.
    """
    rows = module_files.find_files(
        scope.projects, [module.ids for module in asked.values()]
    )
    found = {i: _found(module, rows[module.ids]) for i, module in asked.items()}
    naming = {row.pk: row for one in found.values() for row in one.naming}
    standing = _made(list(naming.values()), found, until)
    if may_wait and any(_awaits(one, standing) for one in found.values()):
        raise SymCachesPending
    for one in found.values():
        _open(one, standing)
    _note(scope, found.values())
    return found


def _found(module: ModuleRequest, rows: Sequence[DebugFile]) -> FoundModule:
    objects = [row for row in rows if row.file_format in _OBJECTS]
    naming = [row for row in objects if conversion.is_convertible(row.object_file())]
    return FoundModule(module, objects, naming)


def _made(
    naming: Sequence[DebugFile], found: Mapping[int, FoundModule], until: float
) -> dict[int, SymCache]:
    """Return how far the symcaches of these files are, after having waited for them."""
    backoff = Backoff(
        until, first_seconds=_FIRST_PAUSE_SECONDS, max_seconds=_MAX_PAUSE_SECONDS
    )
    standing = opener.rows_by_file(naming)
    while any(_awaits(one, standing) for one in found.values()) and backoff.pause():
        standing = opener.rows_by_file(naming)
    return standing


def _awaits(one: FoundModule, standing: Mapping[int, SymCache]) -> bool:
    """Whether the best file that may come to something is not ready yet."""
    for row in one.naming:
        outcome = standing[row.pk].outcome if row.pk in standing else Outcome.FAILED
        if outcome != Outcome.FAILED:
            return outcome in _ON_ITS_WAY
    return False


def _open(one: FoundModule, standing: Mapping[int, SymCache]) -> None:
    """Open the best symcache that can be opened; say what became of each file."""
    if any(row.file_format in _NOT_BY_ADDRESS for row in one.rows):
        one.symbols = ModuleStatus.UNSUPPORTED
    failed: list[ModuleStatus] = []
    for row in one.rows:
        if one.chosen is not None or row not in one.naming:
            one.candidates.append(Candidate(row, None))
            continue
        opened = _opened(standing.get(row.pk))
        if isinstance(opened, OpenSymCache):
            one.symbols, one.chosen = opened, row
            one.candidates.append(Candidate(row, CandidateStatus.OK))
            continue
        status, fate, details = opened
        failed.append(status)
        one.candidates.append(Candidate(row, fate, details))
    if failed and one.chosen is None:
        one.symbols = failed[0]


type _Failure = tuple[ModuleStatus, CandidateStatus, str]


def _opened(row: SymCache | None) -> OpenSymCache | _Failure:
    try:
        opened = opener.open_row(row, blob_store(), disk_cache())
    except StorageUnavailable as error:
        _log.warning("symcache not opened", why=str(error), cause=repr(error.__cause__))
        return ModuleStatus.FETCHING_FAILED, CandidateStatus.ERROR, str(error)
    return opened if isinstance(opened, OpenSymCache) else _why_absent(opened)


def _why_absent(absent: SymCacheUnavailable) -> _Failure:
    match absent.outcome:
        case Outcome.FAILED:
            return ModuleStatus.MALFORMED, CandidateStatus.MALFORMED, absent.detail
        case None:
            return ModuleStatus.OTHER, CandidateStatus.ERROR, _NOT_MADE_HERE
        case _:
            return ModuleStatus.TIMEOUT, CandidateStatus.ERROR, _NOT_IN_TIME


def add_near_misses(scope: LookupScope, found: Collection[FoundModule]) -> None:
    """Say of each module that is missing what is almost its file."""
    missing = [one for one in found if one.symbols is ModuleStatus.MISSING]
    if scope.project is None or not missing:
        return
    sought = {id(one): _sought(one) for one in missing}
    misses = status.explain_misses(scope.project, list(sought.values()))
    for one in missing:
        one.misses = [miss.text for miss in misses[sought[id(one)]]]


def _sought(one: FoundModule) -> RequestedIds:
    return RequestedIds(one.asked.ids.debug_id, one.asked.ids.code_id, one.asked.name)


def _note(scope: LookupScope, found: Collection[FoundModule]) -> None:
    """Note which files were used, and which modules nothing here can name."""
    usage.mark_all_used(one.chosen for one in found if one.chosen is not None)
    for one in found:
        if one.symbols is ModuleStatus.MISSING and scope.project is not None:
            newest = max((row.pk for row in one.rows), default=0)
            missing_ids.record_unusable(
                scope.project, _sought(one), by=scope.by, useless=newest
            )
