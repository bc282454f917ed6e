"""Finds the debug files of the modules that a pasted text names.

By the id that the text tells or, where it tells none, by the name.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import near_misses, project_files
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.near_misses import RequestedIds
from symdepot.domain.crash_text.crash_parser import AddressSpan, TextFormat
from symdepot.domain.errors import BlobMissing
from symdepot.domain.formats import elf
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.domain.selection.module_ids import ModuleIds
from symdepot.domain.stacks.memory_map import MemoryRange
from symdepot.domain.stacks.stack_resolver import ModuleStatus
from symdepot.domain.symbol_paths import file_names
from symdepot.domain.symcache import conversion
from symdepot.domain.symcache.reader import OpenSymCache
from symdepot.projects.models import Project
from symdepot.symbolication import module_finder
from symdepot.symbolication.module_finder import FoundModule
from symdepot.symbolication.request import LookupScope, ModuleRequest
from symdepot.symcaches import status

MOST_MODULES = 1000
"""As many are looked for in one text."""

_MOST_EXPLAINED = 100
_UUID_DIGITS = 32
_NEAR_SHOWN = 3
_OF_APPLE = frozenset({TextFormat.APPLE, TextFormat.LLDB})
_RELOCATABLE = "rel"
_KERNEL = "vmlinux"
_release = re.compile(r"ainted(?:: [A-Z ]+)? ([0-9]+\.[0-9]+\S{0,80}) #[0-9]").search

_NOT_TOLD = "The text does not tell which module lies at this address."
_TOO_MANY = f"Only the first {MOST_MODULES} modules of a text are looked for."
_NO_NAME = "The text tells no id of it, and no debug file of this name is here."
_NO_ID = "No debug file of id {} that names functions is here."
_RELOCATED = (
    "{} is relocatable, as modules of kernels are: where its sections came to lie, "
    "nobody has said."
)
_BY_STATUS = {
    ModuleStatus.TIMEOUT: "Its symcache is not made yet; ask again in a moment.",
    ModuleStatus.FETCHING_FAILED: "Its symcache cannot be read now; ask again in a moment.",
    ModuleStatus.UNSUPPORTED: "Files of its kind name no functions by address.",
}


class TextModule(NamedTuple):
    """A module as a text tells it apart from others."""

    name: str
    build_id: str | None
    look: TextFormat


@dataclass(frozen=True, slots=True)
class ModuleSymbols:
    """The symbols of a module, and of which file; or else why there are none."""

    symbols: OpenSymCache | None
    why_not: str = ""
    debug_file: DebugFile | None = None


@dataclass(frozen=True, slots=True)
class ModuleChoices:
    """What was chosen for each module, and what is to be said of that."""

    by_module: Mapping[TextModule, ModuleSymbols]
    notes: Sequence[str]


@dataclass(slots=True)
class _Search:
    project: Project
    asked: dict[TextModule, ModuleRequest] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def module_of(spot: AddressSpan) -> TextModule:
    """Return how a spot tells its module."""
    return TextModule(spot.module.name, spot.module.build_id, spot.text_format)


def choose_files(
    scope: LookupScope,
    project: Project,
    spots: Collection[AddressSpan],
    text: str,
    *,
    until: float,
) -> ModuleChoices:
    """Choose a debug file for each module of `spots`, and open its symcache.

    Until `until`, on the clock of `time.monotonic`, waits for symcaches that are being
    made. Ids that are not here are noted as wanted.

    Raises:
        StorageUnavailable: the store or the disk did not answer.
    """
    modules = list(dict.fromkeys(module_of(spot) for spot in spots))
    missing = {
        module: ModuleSymbols(None, _NO_NAME if module.name else _NOT_TOLD)
        if place < MOST_MODULES
        else ModuleSymbols(None, _TOO_MANY)
        for place, module in enumerate(modules)
    }
    search, modules = _Search(project), modules[:MOST_MODULES]
    for module in modules:
        if module.build_id:
            search.asked[module] = _asked(module, _ids(module))
    _by_name(search, [m for m in modules if m.name and not m.build_id], text)
    places = list(search.asked)
    asked = dict(enumerate(search.asked.values()))
    found = module_finder.find_modules(scope, asked, until=until, may_wait=False)
    choices = {
        module: _choice(module, found[place]) for place, module in enumerate(places)
    }
    return ModuleChoices({**missing, **_explained(search, choices)}, search.notes)


def relocatable(choice: ModuleSymbols) -> str | None:
    """Say why no function can be found by its name in a file; None if it can."""
    row = choice.debug_file
    if row is None or row.kind != _RELOCATABLE:
        return None
    return _RELOCATED.format(row.object_name)


def load_address(choice: ModuleSymbols) -> int:
    """Return the address at which the file of a module says that it begins.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    row = choice.debug_file
    if row is None or row.file_format != Format.ELF:
        return 0
    (first, _), *_ = project_files.file_content(row).chunks
    with suppress(BlobMissing), blob_store().open(first) as content:
        return elf.load_address(content.read(elf.HEAD_BYTES))
    return 0


def _asked(module: TextModule, ids: ModuleIds) -> ModuleRequest:
    return ModuleRequest(MemoryRange(0, 0), ids, file_names.base_name(module.name))


def _ids(module: TextModule) -> ModuleIds:
    """Return the ids of a module: a UUID of Mach-O is both, of ELF one tells the other."""
    digits = module.build_id or ""
    code_id = CodeId(digits)
    if module.look in _OF_APPLE and len(digits) == _UUID_DIGITS:
        return ModuleIds(DebugId(UUID(digits)), code_id)
    is_whole = len(digits) % 2 == 0
    return ModuleIds.known(None, code_id, is_elf=is_whole)


def _by_name(search: _Search, modules: Sequence[TextModule], text: str) -> None:
    """Let each module be the newest file of its name, and say if there are others."""
    release = _release(text)
    names = {
        module: _names(module, release[1] if release else "") for module in modules
    }
    rows = near_misses.newest_of_names(
        search.project, {n for some in names.values() for n in some}
    )
    for module in modules:
        groups = [rows[name] for name in names[module] if name in rows]
        # A program without symbols tells its id, and so where they are.
        of_use = next(filter(None, [*map(_of_use, groups), *groups]), None)
        if not of_use:
            continue
        newest = of_use[0].object_file()
        if ids := ModuleIds.known(newest.debug_id, newest.code_id):
            search.asked[module] = _asked(module, ids)
        if len({row.debug_id for row in of_use}) > 1:
            search.notes.append(_several(module.name, of_use))


def _several(name: str, of_use: Sequence[DebugFile]) -> str:
    taken = of_use[0]
    others = len({row.debug_id for row in of_use}) - 1
    is_newest = taken.pk == max(row.pk for row in of_use)
    newest = "newest" if is_newest else "newest that tells lines"
    return (
        f"The text tells no id of {name}; {others} other debug files of this name are "
        f"here, of which the {newest} was taken: {taken}, of {taken.created_at:%Y-%m-%d}."
    )


def _names(module: TextModule, release: str) -> list[str]:
    """Return what a file of the module may be called, the likeliest first."""
    name = file_names.normalize(module.name)
    if module.look is not TextFormat.KERNEL:
        return [name]
    if name == _KERNEL:
        return [*([f"{_KERNEL}-{release.lower()}"] if release else []), _KERNEL]
    return [name, name.replace("_", "-"), name.replace("-", "_")]


def _of_use(rows: Sequence[DebugFile]) -> list[DebugFile]:
    """Return those that name functions, those with lines first, the newest first."""
    of_use = [row for row in rows if conversion.is_convertible(row.object_file())]
    return sorted(of_use, key=lambda row: "debug" not in row.features)


def _choice(module: TextModule, found: FoundModule) -> ModuleSymbols:
    if isinstance(found.symbols, OpenSymCache):
        return ModuleSymbols(found.symbols, debug_file=found.chosen)
    told = next((c.details for c in found.candidates if c.details), "")
    if found.symbols is ModuleStatus.MALFORMED:
        return ModuleSymbols(None, f"No symcache could be made of it: {told}")
    if found.symbols is ModuleStatus.MISSING:
        ids = found.asked.ids
        wanted = module.build_id or ids.debug_id or ids.code_id
        return ModuleSymbols(None, _NO_ID.format(wanted))
    return ModuleSymbols(None, _BY_STATUS.get(found.symbols) or told)


def _explained(
    search: _Search, choices: Mapping[TextModule, ModuleSymbols]
) -> dict[TextModule, ModuleSymbols]:
    """Add what is here instead to what is missing."""
    missing = {
        module: RequestedIds(asked.ids.debug_id, asked.ids.code_id, asked.name)
        for module, asked in search.asked.items()
        if choices[module].symbols is None
    }
    some = dict(list(missing.items())[:_MOST_EXPLAINED])
    near = status.explain_misses(search.project, some.values())
    explained = dict(choices)
    for module, sought in some.items():
        texts = [miss.text for miss in near[sought][:_NEAR_SHOWN]]
        why_not = " ".join([choices[module].why_not, *texts])
        explained[module] = ModuleSymbols(None, why_not)
    return explained
