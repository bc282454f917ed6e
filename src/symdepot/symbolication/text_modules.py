"""Choose debug files for the modules of a pasted text, by id or else by name."""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import contents, near_misses
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

MAX_MODULES = 1000
"""Modules searched for one text."""

_MAX_EXPLAINED = 100
_UUID_DIGITS = 32
_MAX_NEAR_MISSES = 3
_APPLE_FORMATS = frozenset({TextFormat.APPLE, TextFormat.LLDB})
_RELOCATABLE = "rel"
_KERNEL = "vmlinux"
_release = re.compile(r"ainted(?:: [A-Z ]+)? ([0-9]+\.[0-9]+\S{0,80}) #[0-9]").search

_MODULE_UNKNOWN = "The text does not tell which module lies at this address."
_TOO_MANY = f"Only the first {MAX_MODULES} modules of a text are looked for."
_NO_NAME = "The text tells no id of it, and no debug file of this name is here."
_NO_ID = "No debug file of id {} that names functions is here."
_IS_RELOCATABLE = (
    "{} is relocatable, as modules of kernels are: where its sections came to lie, "
    "nobody has said."
)
_BY_STATUS = {
    ModuleStatus.TIMEOUT: "Its symcache is not made yet; ask again in a moment.",
    ModuleStatus.FETCHING_FAILED: "Its symcache cannot be read now; ask again in a moment.",
    ModuleStatus.UNSUPPORTED: "Files of its kind name no functions by address.",
}


class TextModule(NamedTuple):
    """What identifies a module in a text."""

    name: str
    build_id: str | None
    text_format: TextFormat


@dataclass(frozen=True, slots=True)
class ChosenFile:
    """The open symbols of a module and their file, or the reason why there are none."""

    symbols: OpenSymCache | None
    reason: str = ""
    debug_file: DebugFile | None = None


@dataclass(frozen=True, slots=True)
class ChosenFiles:
    """The file chosen for each module, and remarks on ambiguous names."""

    by_module: Mapping[TextModule, ChosenFile]
    notes: Sequence[str]


@dataclass(slots=True)
class _Search:
    project: Project
    requests: dict[TextModule, ModuleRequest] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def module_of(span: AddressSpan) -> TextModule:
    """Return the module of a span."""
    return TextModule(span.module.name, span.module.build_id, span.text_format)


def choose_files(
    scope: LookupScope,
    project: Project,
    spans: Collection[AddressSpan],
    text: str,
    *,
    until: float,
) -> ChosenFiles:
    """Choose a debug file for each module of `spans`, and open its symcache.

    Waits for symcaches that are being created until `until`, a time of
    `time.monotonic`. Records missing ids.

    Raises:
        StorageUnavailable: the store or the disk did not answer.
    """
    modules = list(dict.fromkeys(module_of(span) for span in spans))
    missing = {
        module: ChosenFile(None, _NO_NAME if module.name else _MODULE_UNKNOWN)
        if index < MAX_MODULES
        else ChosenFile(None, _TOO_MANY)
        for index, module in enumerate(modules)
    }
    search, modules = _Search(project), modules[:MAX_MODULES]
    for module in modules:
        if module.build_id:
            search.requests[module] = _request(module, _ids(module))
    _request_by_name(search, [m for m in modules if m.name and not m.build_id], text)
    found = module_finder.find_modules(scope, search.requests, until=until)
    chosen = {module: _chosen_file(module, found[module]) for module in found}
    return ChosenFiles({**missing, **_with_near_misses(search, chosen)}, search.notes)


def why_not_by_name(file: ChosenFile) -> str | None:
    """Return why functions cannot be found by name in a file; None if they can."""
    row = file.debug_file
    if row is None or row.kind != _RELOCATABLE:
        return None
    return _IS_RELOCATABLE.format(row.object_name)


def load_address(file: ChosenFile) -> int:
    """Return the load address in the program headers of an ELF file, else 0.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    row = file.debug_file
    if row is None or row.file_format != Format.ELF:
        return 0
    (first, _), *_ = contents.file_content(row).chunks
    with suppress(BlobMissing), blob_store().open(first) as content:
        return elf.load_address(content.read(elf.HEAD_BYTES))
    return 0


def _request(module: TextModule, ids: ModuleIds) -> ModuleRequest:
    return ModuleRequest(MemoryRange(0, 0), ids, file_names.base_name(module.name))


def _ids(module: TextModule) -> ModuleIds:
    """Return the ids of a module: a Mach-O UUID is both; an ELF build id implies both."""
    digits = module.build_id or ""
    code_id = CodeId(digits)
    if module.text_format in _APPLE_FORMATS and len(digits) == _UUID_DIGITS:
        return ModuleIds(DebugId(UUID(digits)), code_id)
    is_whole = len(digits) % 2 == 0
    return ModuleIds.known(None, code_id, is_elf=is_whole)


def _request_by_name(search: _Search, modules: Sequence[TextModule], text: str) -> None:
    """Request for each module the newest file of its name; note if there are others."""
    release = _release(text)
    names = {
        module: _names(module, release[1] if release else "") for module in modules
    }
    rows = near_misses.newest_of_names(
        search.project, {n for some in names.values() for n in some}
    )
    for module in modules:
        groups = [rows[name] for name in names[module] if name in rows]
        # A program without symbols has the id of the file with its symbols.
        usable = next(filter(None, [*map(_usable, groups), *groups]), None)
        if not usable:
            continue
        newest = usable[0].object_file()
        if ids := ModuleIds.known(newest.debug_id, newest.code_id):
            search.requests[module] = _request(module, ids)
        if len({row.debug_id for row in usable}) > 1:
            search.notes.append(_ambiguity_note(module.name, usable))


def _ambiguity_note(name: str, usable: Sequence[DebugFile]) -> str:
    first = usable[0]
    others = len({row.debug_id for row in usable}) - 1
    is_newest = first.pk == max(row.pk for row in usable)
    newest = "newest" if is_newest else "newest that tells lines"
    return (
        f"The text tells no id of {name}; {others} other debug files of this name are "
        f"here, of which the {newest} was taken: {first}, of {first.created_at:%Y-%m-%d}."
    )


def _names(module: TextModule, release: str) -> list[str]:
    """Return possible file names of the module, likeliest first."""
    name = file_names.normalize(module.name)
    if module.text_format is not TextFormat.KERNEL:
        return [name]
    if name == _KERNEL:
        return [*([f"{_KERNEL}-{release.lower()}"] if release else []), _KERNEL]
    return [name, name.replace("_", "-"), name.replace("-", "_")]


def _usable(rows: Sequence[DebugFile]) -> list[DebugFile]:
    """Return convertible files: those with lines first, then newest first."""
    usable = [row for row in rows if conversion.is_convertible(row.object_file())]
    return sorted(usable, key=lambda row: "debug" not in row.features)


def _chosen_file(module: TextModule, found: FoundModule) -> ChosenFile:
    if found.symbols is not None:
        return ChosenFile(found.symbols, debug_file=found.chosen)
    details = next((c.details for c in found.candidates if c.details), "")
    if found.status is ModuleStatus.MALFORMED:
        return ChosenFile(None, f"No symcache could be made of it: {details}")
    if found.status is ModuleStatus.MISSING:
        ids = found.request.ids
        missing = module.build_id or ids.debug_id or ids.code_id
        return ChosenFile(None, _NO_ID.format(missing))
    return ChosenFile(None, _BY_STATUS.get(found.status) or details)


def _with_near_misses(
    search: _Search, chosen: Mapping[TextModule, ChosenFile]
) -> dict[TextModule, ChosenFile]:
    """Add near misses to the reasons of missing modules."""
    missing = {
        module: RequestedIds(request.ids.debug_id, request.ids.code_id, request.name)
        for module, request in search.requests.items()
        if chosen[module].symbols is None
    }
    some = dict(list(missing.items())[:_MAX_EXPLAINED])
    near_misses_of = status.explain_misses(search.project, some.values())
    explained = dict(chosen)
    for module, ids in some.items():
        texts = [miss.text for miss in near_misses_of[ids][:_MAX_NEAR_MISSES]]
        reason = " ".join([chosen[module].reason, *texts])
        explained[module] = ChosenFile(None, reason)
    return explained
