"""Texts that people paste: where in them stand addresses that nobody has resolved.

Nothing is resolved here, and nothing changed: a `Spot` says which characters an answer
may stand for, and what to ask.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from symdepot.domain.crash_images import (
    LENGTH_LIMIT,
    CrashImages,
    CrashModule,
    hex_id,
)

SPOTS_LIMIT = 20_000
"""As many are found in one text; what comes after is left as it is."""

_HEX = "[0-9a-fA-F]{1,16}"
_BUILD_ID = r"(?: \(BuildId: (?P<id>[0-9a-fA-F]{2,128})\))?"


@dataclass(frozen=True, slots=True)
class Spot:
    """The characters of a text from `start` to `end`, and what they stand for.

    `offset` is relative to the module, or to the beginning of `function` if there is
    one, as kernels tell it. Whether it is where a call returns to is for the kind of
    text to know: some tools subtract before they print.
    """

    start: int
    end: int
    module: CrashModule
    offset: int
    is_return_address: bool
    function: str | None = None


def spots(text: str) -> list[Spot]:
    """Return all places in a text that can be resolved, in order; they never overlap.

    Known are the backtraces of gdb and lldb beside a list of what was mapped
    (`info proc mappings`, `/proc/PID/maps`, `image list`), of the sanitizers, of
    glibc's `backtrace_symbols`, of Android's tombstones and logs, of Linux kernels,
    and crash reports of Apple's as text.
    """
    lines = text.split("\n")
    images = CrashImages(lines)
    found: list[Spot] = []
    begin = 0
    for line in lines:
        if len(line) <= LENGTH_LIMIT:
            found.extend(_in_line(line, begin, images))
        if len(found) >= SPOTS_LIMIT:
            return found[:SPOTS_LIMIT]
        begin += len(line) + 1
    return found


def _in_line(line: str, begin: int, images: CrashImages) -> Iterator[Spot]:
    for kind in _KINDS:
        found = list(kind(line, begin, images))
        if found:
            yield from found
            return


# compiler-rt's `%L`: `(path+0x12)`. Addresses of callers are one less than they were.
_SANITIZED = re.compile(r"(?:^|\s)#[0-9]+ +(?:0x|<null>|in )|^SUMMARY: \w+Sanitizer: ")
_IN_MODULE = re.compile(rf"(?<= )\((?P<name>[^()]+)\+0x(?P<offset>{_HEX})\){_BUILD_ID}")


def _of_sanitizers(line: str, begin: int, images: CrashImages) -> Iterator[Spot]:
    if _SANITIZED.search(line):
        for found in _IN_MODULE.finditer(line):
            module = CrashModule(found["name"], hex_id(found["id"]))
            offset = int(found["offset"], 16)
            yield Spot(*_span(found, begin), module, offset, is_return_address=False)


# glibc's `backtrace_symbols`, where it knows no function.
_OF_GLIBC = re.compile(
    rf"(?<![^\s()])(?P<name>[^\s()]+)\(\+0x(?P<offset>{_HEX})\)(?= ?\[0x)"
)


def _of_glibc(line: str, begin: int, images: CrashImages) -> Iterator[Spot]:
    for found in _OF_GLIBC.finditer(line):
        module, offset = CrashModule(found["name"]), int(found["offset"], 16)
        yield Spot(*_span(found, begin), module, offset, is_return_address=True)


# libunwindstack's `FormatFrame`. It has subtracted already, too.
_OF_ANDROID = re.compile(
    r"#[0-9]+\s+pc\s+(?:0x)?(?P<offset>[0-9a-f]{6,16})\s+(?P<spot>(?P<name>[^\s<\[]\S*)"
    rf"(?: \(offset 0x{_HEX}\))?(?: \((?!BuildId: ).*?\+[0-9]+\))?){_BUILD_ID}"
)


def _of_android(line: str, begin: int, images: CrashImages) -> Iterator[Spot]:
    found = _OF_ANDROID.search(line)
    if found:
        module = CrashModule(found["name"], hex_id(found["id"]))
        offset = int(found["offset"], 16)
        span = _span(found, begin, "spot")
        yield Spot(*span, module, offset, is_return_address=False)


# The kernel's `%pS` and `%pSb`: function, offset in it, its size; of which module.
_OF_KERNEL = re.compile(
    rf"(?<![\w.$])(?P<name>[A-Za-z_$][\w.$]*)\+0x(?P<offset>{_HEX})/0x{_HEX}(?!\w)"
    r"(?: \[(?P<module>\w[\w-]*)(?: (?P<id>[0-9a-f]{40}))?\])?"
)
_CURRENT = re.compile(r"\b(?:[RE]?IP|PC|pc|epc)\b").search


def _of_kernels(line: str, begin: int, images: CrashImages) -> Iterator[Spot]:
    current = _CURRENT(line)
    for found in _OF_KERNEL.finditer(line):
        yield Spot(
            *_span(found, begin),
            CrashModule(found["module"] or "vmlinux", hex_id(found["id"])),
            int(found["offset"], 16),
            is_return_address=current is None or found.start() < current.end(),
            function=found["name"],
        )


_OF_APPLE = re.compile(
    rf"^\s*(?P<number>[0-9]+)\s+(?P<name>\S+(?: \S+)*?)\s+0x(?P<address>{_HEX}) "
    rf"(?P<spot>(?:0x(?P<base>{_HEX})|(?P=name)) \+ (?P<offset>[0-9]{{1,12}}))\s*$"
)


def _of_apple(line: str, begin: int, images: CrashImages) -> Iterator[Spot]:
    found = _OF_APPLE.match(line)
    if found:
        offset = int(found["offset"])
        base = int(found["address"], 16) - offset
        yield Spot(
            *_span(found, begin, "spot"),
            images.loaded_at(base, found["name"]),
            offset,
            is_return_address=int(found["number"]) > 0,
        )


_OF_DEBUGGERS = (
    re.compile(
        rf"^\s*#(?P<number>[0-9]+)\s+0x(?P<address>{_HEX}) in "
        r"(?P<spot>\?\? \(\)(?: from \S+)?)"
    ),
    re.compile(
        rf"\bframe #(?P<number>[0-9]+): 0x(?P<address>{_HEX}) "
        r"(?P<spot>\S[^`]*?`___lldb_unnamed_symbol\S*(?: \+ [0-9]+)?)"
    ),
)


def _of_debuggers(line: str, begin: int, images: CrashImages) -> Iterator[Spot]:
    for pattern in _OF_DEBUGGERS:
        found = pattern.search(line)
        where = images.at(int(found["address"], 16)) if found else None
        if found and where:
            is_caller = int(found["number"]) > 0
            span = _span(found, begin, "spot")
            yield Spot(*span, *where, is_return_address=is_caller)


def _span(found: re.Match[str], begin: int, group: str | int = 0) -> tuple[int, int]:
    return begin + found.start(group), begin + found.end(group)


_KINDS: tuple[Callable[[str, int, CrashImages], Iterator[Spot]], ...] = (
    _of_debuggers,
    _of_sanitizers,
    _of_android,
    _of_glibc,
    _of_apple,
    _of_kernels,
)
