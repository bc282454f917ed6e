"""What texts about crashes say of the images of a process: name, id, where they lay."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from symdepot.domain.stacks.memory_map import MemoryMap, MemoryRange

_LENGTHS = range(len("a+0x1/0x1"), 4097)
"""No line that is longer is read, and none that is too short to tell anything."""

_HEX = "[0-9a-fA-F]"
# Up to the last character that is no blank, found from the end: a lazy star would go
# through a run of blanks once for each of them.
_TRIMMED = r"(?:.*\S)?"
_MAPPED = (
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
_LISTED = (
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
    """A module as a text names it: by a path or a name, and by what else it says.

    `build_id` is in lowercase hex without hyphens: an ELF build id or a Mach-O UUID.
    """

    name: str
    build_id: str | None = None
    address: int | None = None
    arch: str | None = None


class CrashModuleList:
    """The images that a text lists, if it lists any."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._modules: list[CrashModule] = []
        sizes: list[int] = []
        by_path: dict[str, int] = {}
        for line in lines:
            if not is_module_line(line):
                continue
            listed = _first(_LISTED, line)
            if listed is not None:
                self._modules.append(_module(listed))
                sizes.append(_size(listed))
                continue
            mapped = _first(_MAPPED, line)
            if mapped is not None:
                _map(mapped, self._modules, sizes, by_path)
        self._images = MemoryMap(
            [
                MemoryRange(module.address or 0, size)
                for module, size in zip(self._modules, sizes, strict=True)
            ]
        )

    def at(self, address: int) -> tuple[CrashModule, int] | None:
        """Return the module at an address, and the address relative to it."""
        found = self._images.find(address, None)
        return None if found is None else (self._modules[found[0]], found[2])

    def loaded_at(self, address: int, name: str) -> CrashModule:
        """Return the module that was loaded at an address, which a text calls `name`."""
        found = self.at(address)
        if found is not None and found[1] == 0:
            return replace(found[0], name=name)
        return CrashModule(name, address=address)


def is_module_line(line: str) -> bool:
    """Say whether a line is one that is read."""
    return len(line) in _LENGTHS


def hex_id(text: str | None) -> str | None:
    """Return an id in lowercase without hyphens."""
    return text.replace("-", "").lower() if text else None


def _first(
    patterns: Iterable[Callable[[str], re.Match[str] | None]], line: str
) -> re.Match[str] | None:
    return next(filter(None, (pattern(line) for pattern in patterns)), None)


def _module(found: re.Match[str]) -> CrashModule:
    return CrashModule(
        found["name"],
        hex_id(found["id"]),
        int(found["start"], 16),
        found["arch"] or None,
    )


def _size(found: re.Match[str]) -> int:
    end = int(found["end"] or "0", 16)
    return max(end - int(found["start"], 16), 0)


def _map(
    found: re.Match[str],
    modules: list[CrashModule],
    sizes: list[int],
    by_path: dict[str, int],
) -> None:
    """Add a piece of a file to the image of that file, or begin it."""
    path = found["name"]
    if path not in by_path:
        base = int(found["start"], 16) - int(found["offset"], 16)
        by_path[path] = len(modules)
        modules.append(CrashModule(path, address=max(base, 0)))
        sizes.append(0)
    index = by_path[path]
    reach = int(found["end"], 16) - (modules[index].address or 0)
    sizes[index] = max(sizes[index], reach)
