"""Choose debug files for the modules of a pasted text, by id or else by name."""

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import contents, near_misses
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.crash_text.address_spans import AddressSpan, TextFormat
from symdepot.domain.errors import BlobMissing, ContentDamaged
from symdepot.domain.formats import elf_headers
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.domain.selection.id_matching import ModuleIds
from symdepot.domain.stacks.memory_map import MemoryRange
from symdepot.domain.stacks.stack_resolver import ModuleStatus
from symdepot.domain.symbol_paths import name_normalization
from symdepot.domain.symcache import conversion
from symdepot.domain.symcache.reader import OpenSymCache
from symdepot.projects.models import Project
from symdepot.symbolication import module_finder
from symdepot.symbolication.module_finder import FoundModule
from symdepot.symbolication.request import LookupScope, ModuleRequest
from symdepot.symcaches import failure_report

MAX_MODULES = 1000
"""Modules searched for one text."""

_MAX_EXPLAINED = 100
_UUID_DIGITS = 32
_MAX_NEAR_MISSES = 3
_APPLE_FORMATS = frozenset({TextFormat.APPLE, TextFormat.LLDB})
_KERNEL = "vmlinux"
_release = re.compile(r"ainted(?:: [A-Z ]+)? ([0-9]+\.[0-9]+\S{0,80}) #[0-9]").search

_MODULE_UNKNOWN = "The text does not tell which module lies at this address."
_TOO_MANY = f"Only the first {MAX_MODULES} modules of a text are looked for."
_NO_NAME = "The text tells no id of it, and no debug file of this name is here."
_NO_ID = "No debug file of id {} that names functions is here."
_BY_STATUS = {
    ModuleStatus.FETCHING_FAILED: "Its symcache cannot be read now; ask again in a moment.",
}
_UNSUPPORTED = "Files of its kind name no functions by address."


class TextModule(NamedTuple):
    """What identifies a module in a text."""

    name: str
    build_id: str | None
    text_format: TextFormat


class ChosenFile(NamedTuple):
    """The open symbols of a module, and their file."""

    symbols: OpenSymCache
    debug_file: DebugFile


type Choice = ChosenFile | str
"""The file of a module; or why there is none."""


def module_of(span: AddressSpan) -> TextModule:
    """Return the module of a span."""
    return TextModule(span.module.name, span.module.build_id, span.text_format)


def choose_files(
    project: Project,
    spans: Collection[AddressSpan],
    text: str,
    *,
    by: str,
    until: float,
) -> tuple[dict[TextModule, Choice], list[str]]:
    """Choose a debug file for each module of `spans`, and open its symcache.

    Also returns notes on ambiguous names. Waits for symcaches that are being created
    until `until`, a time of `time.monotonic`. Records the ids that `by` misses.

    Raises:
        StorageUnavailable: the store or the disk did not answer.
    """
    modules = list(dict.fromkeys(map(module_of, spans)))
    choices: dict[TextModule, Choice] = dict.fromkeys(modules, _TOO_MANY)
    modules = modules[:MAX_MODULES]
    choices |= {m: _NO_NAME if m.name else _MODULE_UNKNOWN for m in modules}
    requests = {m: _request(m, _ids(m)) for m in modules if m.build_id}
    named = [m for m in modules if m.name and not m.build_id]
    by_name, notes = _requests_by_name(project, named, text)
    found = module_finder.find_modules(
        LookupScope.of(project, by), requests | by_name, until=until
    )
    missing = [one.requested_ids for one in found.values() if one.symbols is None]
    explained = failure_report.explain_misses(project, missing[:_MAX_EXPLAINED])
    for module, one in found.items():
        near = explained.get(one.requested_ids, [])[:_MAX_NEAR_MISSES]
        choices[module] = _choice(module, one, [miss.text for miss in near])
    return choices, notes


def load_address(row: DebugFile) -> int:
    """Return the load address in the program headers of an ELF file, else 0.

    Raises:
        StorageUnavailable: the store did not answer.
    """
    if row.file_format == Format.ELF:
        with suppress(BlobMissing, ContentDamaged):
            (first, _), *_ = contents.file_content(row).chunks
            with blob_store().open(first) as content:
                return elf_headers.load_address(content.read(elf_headers.HEAD_BYTES))
    return 0


def _request(module: TextModule, ids: ModuleIds) -> ModuleRequest:
    return ModuleRequest(
        MemoryRange(0, 0), ids, name_normalization.base_name(module.name)
    )


def _ids(module: TextModule) -> ModuleIds:
    """Return the ids of a module: a Mach-O UUID is both; an ELF build id implies both."""
    digits = module.build_id or ""
    code_id = CodeId(digits)
    if module.text_format in _APPLE_FORMATS and len(digits) == _UUID_DIGITS:
        return ModuleIds(DebugId(UUID(digits)), code_id)
    return ModuleIds.known(None, code_id, is_elf=len(digits) % 2 == 0)


def _requests_by_name(
    project: Project, modules: Sequence[TextModule], text: str
) -> tuple[dict[TextModule, ModuleRequest], list[str]]:
    """Request for each module the newest file of its name; note if there are others."""
    release = _release(text)
    names = {m: _names(m, release[1] if release else "") for m in modules}
    rows = near_misses.newest_of_names(project, set(chain(*names.values())))
    requests: dict[TextModule, ModuleRequest] = {}
    notes: list[str] = []
    for module in modules:
        groups = [rows[name] for name in names[module] if name in rows]
        # A program without symbols has the id of the file with its symbols.
        usable = next(filter(None, [*map(_usable, groups), *groups]), None)
        if not usable:
            continue
        newest = usable[0].object_file()
        if ids := ModuleIds.known(newest.debug_id, newest.code_id):
            requests[module] = _request(module, ids)
        if others := len({row.debug_id for row in usable}) - 1:
            notes.append(_ambiguity_note(module.name, usable, others))
    return requests, notes


def _ambiguity_note(name: str, usable: Sequence[DebugFile], others: int) -> str:
    first = usable[0]
    is_newest = first.pk == max(row.pk for row in usable)
    newest = "newest" if is_newest else "newest that tells lines"
    return (
        f"The text tells no id of {name}; {others} other debug files of this name are "
        f"here, of which the {newest} was taken: {first}, of {first.created_at:%Y-%m-%d}."
    )


def _names(module: TextModule, release: str) -> list[str]:
    """Return possible file names of the module, likeliest first."""
    name = name_normalization.normalize(module.name)
    if module.text_format is not TextFormat.KERNEL:
        return [name]
    if name == _KERNEL:
        return [*([f"{_KERNEL}-{release.lower()}"] if release else []), _KERNEL]
    return [name, name.replace("_", "-"), name.replace("-", "_")]


def _usable(rows: Sequence[DebugFile]) -> list[DebugFile]:
    """Return convertible files: those with lines first, then newest first."""
    usable = [row for row in rows if conversion.is_convertible(row.object_file())]
    return sorted(usable, key=lambda row: "debug" not in row.features)


def _choice(module: TextModule, found: FoundModule, near: Sequence[str]) -> Choice:
    if found.symbols is not None and found.chosen is not None:
        return ChosenFile(found.symbols, found.chosen)
    reason = next((c.details for c in found.candidates if c.details), "")
    if found.status is ModuleStatus.MALFORMED:
        reason = f"No symcache could be made of it: {reason}"
    elif found.status is ModuleStatus.UNSUPPORTED:
        reason = reason or _UNSUPPORTED
    elif found.status is ModuleStatus.MISSING:
        ids = found.request.ids
        reason = _NO_ID.format(module.build_id or ids.debug_id or ids.code_id)
    return " ".join([_BY_STATUS.get(found.status, reason), *near])
