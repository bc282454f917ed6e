"""Texts that people paste: where in them stand addresses that nobody has resolved.

Nothing is resolved here, and nothing changed: a `AddressSpan` says which characters an answer
may stand for, and what to ask.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import pairwise

from symdepot.domain.crash_text.crash_modules import (
    CrashModule,
    CrashModuleList,
    hex_id,
    is_module_line,
)

MAX_ADDRESSES = 20_000
"""As many are found in one text; what comes after is left as it is."""

_HEX = "[0-9a-fA-F]{1,16}"
_BUILD_ID = r"(?: \(BuildId: (?P<id>[0-9a-fA-F]{2,128})\))?"


class TextFormat(Enum):
    """Who printed it, and so how an answer should look."""

    GDB = auto()
    LLDB = auto()
    SANITIZER = auto()
    SUMMARY = auto()
    GLIBC = auto()
    ANDROID = auto()
    KERNEL = auto()
    APPLE = auto()


@dataclass(frozen=True, slots=True)
class AddressSpan:
    """The characters of a text from `start` to `end`, and what they stand for.

    `offset` is relative to the module, or to the beginning of `function` if there is
    one, as kernels tell it. Whether it is where a call returns to is for the kind of
    text to know: some tools subtract before they print. A module without a name is one
    that the text does not tell.
    """

    start: int
    end: int
    module: CrashModule
    offset: int
    is_return_address: bool
    look: TextFormat
    function: str | None = None


def find_addresses(text: str) -> list[AddressSpan]:
    """Return all places in a text that can be resolved, in order; they never overlap.

    And those that could be, were it told which module lies there.

    Known are the backtraces of gdb and lldb beside a list of what was mapped
    (`info proc mappings`, `/proc/PID/maps`, `image list`), of the sanitizers, of
    glibc's `backtrace_symbols`, of Android's tombstones and logs, of Linux kernels,
    and crash reports of Apple's as text.
    """
    lines = text.split("\n")
    images = CrashModuleList(lines)
    found: list[AddressSpan] = []
    begin = 0
    for above, line in pairwise(["", *lines]):
        if is_module_line(line):
            found.extend(_below(above, _in_line(line, begin, images)))
        if len(found) >= MAX_ADDRESSES:
            return found[:MAX_ADDRESSES]
        begin += len(line) + 1
    return found


def _in_line(line: str, begin: int, images: CrashModuleList) -> Iterator[AddressSpan]:
    for kind in _KINDS:
        found = list(kind(line, begin, images))
        if found:
            yield from found
            return


# Who was interrupted by a signal had called nobody. Source: gdb's `SIGTRAMP_FRAME`; the
# names of what lies between in glibc, in the kernel's vDSO for ARM, and in Darwin.
_interrupted = re.compile(
    r"<signal handler called>|\b(?:__restore_rt|__kernel_rt_sigreturn|_sigtramp)\b"
).search
_OF_UNWINDERS = frozenset({TextFormat.GDB, TextFormat.LLDB, TextFormat.APPLE})


def _below(above: str, found: Iterable[AddressSpan]) -> Iterator[AddressSpan]:
    """Yield the spots of a line, which is that of a caller unless `above` says no."""
    for spot in found:
        if spot.look in _OF_UNWINDERS and _interrupted(above):
            yield replace(spot, is_return_address=False)
        else:
            yield spot


# compiler-rt's `%L`: `(path+0x12)`. Addresses of callers are one less than they were.
_SANITIZED = re.compile(
    r"(?:^|\s)#[0-9]+ +(?:0x|<null>|in )|^\s*#[0-9]+ .*<null> \("
    r"|^SUMMARY: \w+Sanitizer: "
)
# ThreadSanitizer says of what it does not know that it is `<null>`.
_IN_MODULE = re.compile(
    rf"(?<= )(?:<null> ){{0,2}}\((?P<name>[^()]+)\+0x(?P<offset>{_HEX})\){_BUILD_ID}"
)


def _of_sanitizers(
    line: str, begin: int, images: CrashModuleList
) -> Iterator[AddressSpan]:
    begins = _SANITIZED.search(line)
    if begins:
        look = (
            TextFormat.SUMMARY
            if begins[0].startswith("SUMMARY")
            else TextFormat.SANITIZER
        )
        for found in _IN_MODULE.finditer(line):
            module = CrashModule(found["name"], hex_id(found["id"]))
            offset = int(found["offset"], 16)
            span = _span(found, begin)
            yield AddressSpan(*span, module, offset, is_return_address=False, look=look)


# glibc's `backtrace_symbols`, where it knows no function.
_OF_GLIBC = re.compile(
    rf"(?<![^\s()])(?P<name>[^\s()]+)\(\+0x(?P<offset>{_HEX})\)(?= ?\[0x)"
)


def _of_glibc(line: str, begin: int, images: CrashModuleList) -> Iterator[AddressSpan]:
    for found in _OF_GLIBC.finditer(line):
        module, offset = CrashModule(found["name"]), int(found["offset"], 16)
        span = _span(found, begin)
        yield AddressSpan(
            *span, module, offset, is_return_address=True, look=TextFormat.GLIBC
        )


# libunwindstack's `FormatFrame`. It has subtracted already, too.
_OF_ANDROID = re.compile(
    r"#[0-9]+\s+pc\s+(?:0x)?(?P<offset>[0-9a-f]{6,16})\s+(?P<spot>(?P<name>[^\s<\[]\S*)"
    rf"(?: \(offset 0x{_HEX}\))?(?: \((?!BuildId: ).*?\+[0-9]+\))?){_BUILD_ID}"
)


def _of_android(
    line: str, begin: int, images: CrashModuleList
) -> Iterator[AddressSpan]:
    found = _OF_ANDROID.search(line)
    if found:
        module = CrashModule(found["name"], hex_id(found["id"]))
        offset = int(found["offset"], 16)
        span = _span(found, begin, "spot")
        yield AddressSpan(
            *span, module, offset, is_return_address=False, look=TextFormat.ANDROID
        )


# The kernel's `%pS` and `%pSb`: function, offset in it, its size; of which module.
_OF_KERNEL = re.compile(
    rf"(?<![\w.$])(?P<name>[A-Za-z_$][\w.$]*)\+0x(?P<offset>{_HEX})/0x{_HEX}(?!\w)"
    r"(?: \[(?P<module>\w[\w-]*)(?: (?P<id>[0-9a-f]{40}))?\])?"
)
_CURRENT = re.compile(r"\b(?:[RE]?IP|PC|pc|epc)\b").search


def _of_kernels(
    line: str, begin: int, images: CrashModuleList
) -> Iterator[AddressSpan]:
    current = _CURRENT(line)
    for found in _OF_KERNEL.finditer(line):
        yield AddressSpan(
            *_span(found, begin),
            CrashModule(found["module"] or "vmlinux", hex_id(found["id"])),
            int(found["offset"], 16),
            is_return_address=current is None or found.start() < current.end(),
            look=TextFormat.KERNEL,
            function=found["name"],
        )


_OF_APPLE = re.compile(
    rf"^\s*(?P<number>[0-9]+)\s+(?P<name>\S+(?: \S+)*?)\s+0x(?P<address>{_HEX}) "
    rf"(?P<spot>(?:0x(?P<base>{_HEX})|(?P=name)) \+ (?P<offset>[0-9]{{1,12}}))\s*$"
)


def _of_apple(line: str, begin: int, images: CrashModuleList) -> Iterator[AddressSpan]:
    found = _OF_APPLE.match(line)
    if found:
        offset = int(found["offset"])
        base = int(found["address"], 16) - offset
        yield AddressSpan(
            *_span(found, begin, "spot"),
            images.loaded_at(base, found["name"]),
            offset,
            is_return_address=int(found["number"]) > 0,
            look=TextFormat.APPLE,
        )


_OF_DEBUGGERS = {
    TextFormat.GDB: re.compile(
        rf"^\s*#(?P<number>[0-9]+)\s+0x(?P<address>{_HEX}) in "
        r"(?P<spot>\?\? \(\)(?: from \S+)?)"
    ),
    TextFormat.LLDB: re.compile(
        rf"\bframe #(?P<number>[0-9]+): 0x(?P<address>{_HEX}) "
        r"(?P<spot>\S[^`]*?`___lldb_unnamed_symbol\S*(?: \+ [0-9]+)?)"
    ),
}
_UNTOLD = CrashModule("")


def _of_debuggers(
    line: str, begin: int, images: CrashModuleList
) -> Iterator[AddressSpan]:
    for look, pattern in _OF_DEBUGGERS.items():
        found = pattern.search(line)
        if found:
            address = int(found["address"], 16)
            where = images.at(address) or (_UNTOLD, address)
            is_caller = int(found["number"]) > 0
            span = _span(found, begin, "spot")
            yield AddressSpan(*span, *where, is_return_address=is_caller, look=look)


def _span(found: re.Match[str], begin: int, group: str | int = 0) -> tuple[int, int]:
    return begin + found.start(group), begin + found.end(group)


_KINDS: tuple[Callable[[str, int, CrashModuleList], Iterator[AddressSpan]], ...] = (
    _of_debuggers,
    _of_sanitizers,
    _of_android,
    _of_glibc,
    _of_apple,
    _of_kernels,
)
