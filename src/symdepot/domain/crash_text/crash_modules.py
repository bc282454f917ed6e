"""Parse the modules that a crash text lists: name, id and memory range."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from symdepot.domain.stacks.memory_map import MemoryMap, MemoryRange

_LINE_LENGTHS = range(len("a+0x1/0x1"), 4097)
"""Longer lines are not parsed, and shorter ones contain neither module nor address."""

_HEX = "[0-9a-fA-F]"
# Up to the last non-blank, matched from the end: a lazy star would take quadratic time
# on a run of blanks.
_TRIMMED = r"(?:.*\S)?"
_MAPPING_PATTERNS = (
    # `info proc mappings` of gdb, old and new
    re.compile(
        rf"\s*0x(?P<start>{_HEX}{{1,16}})\s+0x(?P<end>{_HEX}{{1,16}})\s+0x{_HEX}+\s+"
        rf"0x(?P<offset>{_HEX}{{1,16}})\s+(?:[-rwxps]{{4}}\s+)?(?P<name>/{_TRIMMED})\s*"
    ).fullmatch,
    # /proc/PID/maps
    re.compile(
        rf"\s*(?P<start>{_HEX}{{6,16}})-(?P<end>{_HEX}{{6,16}})\s+[-rwxps]{{4}}\s+"
        rf"(?P<offset>{_HEX}{{1,16}})\s+[0-9a-f]+:[0-9a-f]+\s+[0-9]+\s+(?P<name>/{_TRIMMED})\s*"
    ).fullmatch,
)
_LIST_PATTERNS = (
    # `Binary Images` of Apple's crash reports
    re.compile(
        rf"\s*0x(?P<start>{_HEX}{{1,16}})\s+-\s+0x(?P<end>{_HEX}{{1,16}})\s+\+?"
        r"(?P<name>\S+(?: \S+)*?)(?:\s+(?P<arch>arm64e?|armv\w+|x86_64h?|i386))?"
        rf"\s+(?:\([^()]*\)\s+)?<(?P<id>{_HEX}[-0-9a-fA-F]{{31,35}})>\s.*"
    ).fullmatch,
    # `image list` of lldb
    re.compile(
        rf"\s*\[\s*[0-9]+\]\s+(?P<id>{_HEX}[-0-9a-fA-F]{{15,60}})\s+"
        rf"0x(?P<start>{_HEX}{{1,16}})\s+(?P<name>\S{_TRIMMED})\s*(?P<end>)(?P<arch>)"
    ).fullmatch,
)


@dataclass(frozen=True, slots=True)
class CrashModule:
    """A module in a text. `name` is a path or a file name.

    `build_id` is in lowercase hex without hyphens: an ELF build id or a Mach-O UUID.
    """

    name: str
    build_id: str | None = None
    address: int | None = None
    arch: str | None = None


class CrashModuleList:
    """The modules that a text lists."""

    def __init__(self, lines: Iterable[str]) -> None:
        # Each with its end, by its line, or by its path if its parts are listed.
        found: dict[int | str, tuple[CrashModule, int]] = {}
        for number, line in enumerate(lines):
            if not is_parsable(line):
                continue
            if match := _first(_LIST_PATTERNS, line):
                name, start, arch = (
                    match["name"],
                    int(match["start"], 16),
                    match["arch"],
                )
                module = CrashModule(name, hex_id(match["id"]), start, arch or None)
                found[number] = module, int(match["end"] or "0", 16)
            elif match := _first(_MAPPING_PATTERNS, line):
                path, end = match["name"], int(match["end"], 16)
                base = max(int(match["start"], 16) - int(match["offset"], 16), 0)
                module, last_end = found.get(path, (CrashModule(path, None, base), 0))
                found[path] = module, max(end, last_end)
        self._modules = [module for module, _ in found.values()]
        bounds = [(module.address or 0, end) for module, end in found.values()]
        self._memory_map = MemoryMap(
            [MemoryRange(start, max(end - start, 0)) for start, end in bounds]
        )

    def at(self, address: int) -> tuple[CrashModule, int] | None:
        """Return the module at an address, and the address relative to it."""
        found = self._memory_map.find(address, None)
        return None if found is None else (self._modules[found[0]], found[2])

    def loaded_at(self, address: int, name: str) -> CrashModule:
        """Return the module that starts at an address, under the text's `name` for it."""
        found = self.at(address)
        if found is not None and found[1] == 0:
            return replace(found[0], name=name)
        return CrashModule(name, address=address)


def is_parsable(line: str) -> bool:
    """Return whether a line has a length that is parsed."""
    return len(line) in _LINE_LENGTHS


def hex_id(text: str | None) -> str | None:
    """Return an id in lowercase without hyphens; None if there is none."""
    return text.replace("-", "").lower() if text else None


def _first(
    patterns: Iterable[Callable[[str], re.Match[str] | None]], line: str
) -> re.Match[str] | None:
    return next(filter(None, (pattern(line) for pattern in patterns)), None)
